// 16-bit storage of parameters: exact both ways in either layout, any range, and never rounded.
#include "runtime/executor/HalfStorage.h"
#include "runtime/executor/Layout.h"
#include "runtime/io/DType.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

using namespace ftc;

static flatbuffers::DetachedBuffer layoutOf(ftc::abi::LayoutKind kind, std::uint32_t width) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(ftc::abi::CreateLayout(builder, kind, width));
  return builder.Release();
}

TEST(ExactHalf, IsTheInverseOfEveryHalfAndRefusesAllElse) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    float value = rt::halfToFloat(static_cast<std::uint16_t>(bits));
    if (!std::isfinite(value))
      continue;
    ASSERT_EQ(rt::exactHalf(value), static_cast<std::uint16_t>(bits));
    // The next float in either direction lies between two halves.
    for (std::uint32_t step : {1u, 0xFFFFFFFFu}) {
      float beside = std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) + step);
      if (value != 0)
        ASSERT_FALSE(rt::exactHalf(beside).has_value()) << beside;
    }
  }
  for (float value : {65536.0f, -1e10f, 0x1p-25f, 1e-30f})
    EXPECT_FALSE(rt::exactHalf(value).has_value()) << value;
}

TEST(HalfStorage, IsExactInEitherLayoutAndAnyRange) {
  const std::vector<std::int64_t> shape{13, 7};
  for (ftc::abi::DType dtype : {ftc::abi::DType::BF16, ftc::abi::DType::F16})
    for (ftc::abi::LayoutKind kind : {ftc::abi::LayoutKind::RowMajor, ftc::abi::LayoutKind::PanelsN}) {
      auto buffer = layoutOf(kind, 8);
      const auto &layout = *flatbuffers::GetRoot<ftc::abi::Layout>(buffer.data());
      std::int64_t elements = 0;
      ASSERT_TRUE(rt::storageElements(shape, layout, elements));
      std::vector<float> values(91);
      for (std::size_t i = 0; i < values.size(); ++i) {
        auto bits = static_cast<std::uint16_t>(0x3300 + 517 * i % 0x800);
        values[i] =
            dtype == ftc::abi::DType::BF16 ? rt::bfloat16ToFloat(bits) : rt::halfToFloat(bits);
      }
      std::vector<std::uint16_t> storage(elements, 0x7F7F);
      ASSERT_TRUE(rt::packHalf(shape, layout, dtype, values, storage));
      for (std::int64_t first : {0, 5, 7, 60})
        for (std::int64_t count : {1, 20, 31}) {
          std::vector<float> back(count);
          rt::unpackHalf(shape, layout, dtype, storage, back, first);
          for (std::int64_t i = 0; i < count; ++i)
            ASSERT_EQ(back[i], values[first + i]);
        }
      if (kind == ftc::abi::LayoutKind::PanelsN)
        for (std::int64_t i = 5; i < 8; ++i) // rows 13 to 15 of the second panel
          EXPECT_EQ(storage[7 * 8 + i], 0);
      values[90] = 1 + 0x1p-20f;
      EXPECT_FALSE(rt::packHalf(shape, layout, dtype, values, storage));
    }
}
