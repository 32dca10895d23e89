// Parameter layouts: panels of a matrix and of its transpose, there and back, bit for bit.
#include "runtime/executor/Layout.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace ftc::rt {
namespace {

std::vector<float> counted(std::int64_t elements) {
  std::vector<float> values(elements);
  std::iota(values.begin(), values.end(), 1.0f);
  return values;
}

std::vector<float> packed(const std::vector<std::int64_t> &shape, const abi::Layout &layout,
                          const std::vector<float> &canonical) {
  std::int64_t elements = 0;
  EXPECT_TRUE(storageElements(shape, layout, elements));
  std::vector<float> storage(elements, -7.0f);
  packParameter(shape, layout, canonical, storage);
  return storage;
}

flatbuffers::DetachedBuffer layoutOf(abi::LayoutKind kind, std::uint32_t width) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(abi::CreateLayout(builder, kind, width));
  return builder.Release();
}

class LayoutKinds : public testing::TestWithParam<std::tuple<int, int, int>> {};

TEST_P(LayoutKinds, TransposedPanelsAreThePanelsOfTheTranspose) {
  auto [rows, columns, width] = GetParam();
  auto plain = layoutOf(abi::LayoutKind::PanelsN, width);
  auto across = layoutOf(abi::LayoutKind::PanelsTransposed, width);
  const auto &panels = *flatbuffers::GetRoot<abi::Layout>(plain.data());
  const auto &transposed = *flatbuffers::GetRoot<abi::Layout>(across.data());
  std::vector<float> matrix = counted(rows * columns), flipped(matrix.size());
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c)
      flipped[c * rows + r] = matrix[r * columns + c];
  std::vector<float> storage = packed({rows, columns}, transposed, matrix);
  EXPECT_EQ(storage, packed({columns, rows}, panels, flipped));

  std::vector<std::int64_t> shape{rows, columns};
  std::vector<float> back(matrix.size());
  unpackParameter(shape, transposed, storage, back);
  EXPECT_EQ(back, matrix);
  for (std::int64_t first = 0; first < rows * columns; first += 3) {
    std::vector<float> part(std::min<std::int64_t>(5, rows * columns - first));
    unpackParameter(shape, transposed, storage, part, first);
    EXPECT_TRUE(std::equal(part.begin(), part.end(), matrix.begin() + first)) << first;
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, LayoutKinds,
                         testing::Values(std::tuple{7, 10, 4}, std::tuple{1, 24, 24},
                                         std::tuple{60, 180, 32}, std::tuple{5, 1, 8}));

TEST(Layout, PanelsOfMoreDimensionsAreThoseOfTheMatrix) {
  auto buffer = layoutOf(abi::LayoutKind::PanelsN, 4);
  const auto &layout = *flatbuffers::GetRoot<abi::Layout>(buffer.data());
  std::vector<float> values = counted(7 * 5 * 3);
  std::vector<float> storage = packed({7, 5, 3}, layout, values);
  EXPECT_EQ(storage, packed({7, 15}, layout, values));
  std::vector<float> part(11);
  unpackParameter(std::vector<std::int64_t>{7, 5, 3}, layout, storage, part, 9);
  EXPECT_TRUE(std::equal(part.begin(), part.end(), values.begin() + 9));
}

TEST(Layout, RefusesPanelsOfWhatIsNoMatrix) {
  auto buffer = layoutOf(abi::LayoutKind::PanelsTransposed, 8);
  const auto &layout = *flatbuffers::GetRoot<abi::Layout>(buffer.data());
  std::int64_t elements = 0;
  EXPECT_FALSE(storageElements(std::vector<std::int64_t>{4}, layout, elements));
  EXPECT_FALSE(storageElements(std::vector<std::int64_t>{4, INT64_MAX / 2}, layout, elements));
  EXPECT_FALSE(storageElements(std::vector<std::int64_t>{4, 2, 3}, layout, elements));
}

} // namespace
} // namespace ftc::rt
