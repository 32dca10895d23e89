// Packing goes through f32, so that every layout has one implementation (Layout.h).
#include "runtime/executor/HalfStorage.h"

#include "runtime/executor/Layout.h"
#include "runtime/io/DType.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <vector>

namespace ftc::rt {

static void widen(abi::DType dtype, std::span<const std::uint16_t> in, float *out) {
  if (dtype == abi::DType::BF16)
    std::transform(in.begin(), in.end(), out, bfloat16ToFloat);
  else
    std::transform(in.begin(), in.end(), out, halfToFloat);
}

bool packHalf(std::span<const std::int64_t> shape, const abi::Layout &layout, abi::DType dtype,
              std::span<const float> canonical, std::span<std::uint16_t> storage) {
  std::vector<float> packed(storage.size());
  packParameter(shape, layout, canonical, packed);
  bool exact = true;
  std::transform(packed.begin(), packed.end(), storage.begin(), [&](float value) {
    auto bits = std::bit_cast<std::uint32_t>(value);
    std::optional<std::uint16_t> half;
    if (dtype == abi::DType::F16)
      half = exactHalf(value);
    else if ((bits & 0xFFFF) == 0)
      half = static_cast<std::uint16_t>(bits >> 16);
    exact &= half.has_value();
    return half.value_or(0);
  });
  return exact;
}

void unpackHalf(std::span<const std::int64_t> shape, const abi::Layout &layout,
                abi::DType dtype, std::span<const std::uint16_t> storage,
                std::span<float> canonical, std::int64_t first) {
  if (layout.kind() == abi::LayoutKind::RowMajor) {
    widen(dtype, storage.subspan(static_cast<std::size_t>(first), canonical.size()),
          canonical.data());
    return;
  }
  std::vector<float> packed(storage.size());
  widen(dtype, storage, packed.data());
  unpackParameter(shape, layout, packed, canonical, first);
}

} // namespace ftc::rt
