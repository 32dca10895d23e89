// Rows of embedding tables that are not in use: the names that artifacts use for compact gradients
// and moments, and the memory that neither these nor tables read on demand take for such rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace ftc::rt {

/// The symbol that counts the rows in use, and the input that gives each token id its row,
/// kNoSlot for none, kAbsentRow for none where the table's row is not in memory either.
constexpr std::string_view kTouched = "touched";
constexpr std::string_view kTouchedSlots = "touched.slots";
constexpr std::int32_t kNoSlot = -1, kAbsentRow = -2;

/// Memory is taken by pages of 2 MiB, of which one begun is taken whole.
constexpr std::int64_t kLargePage = std::int64_t(2) << 20;

/// Bytes of a table in a segment that are never written, where it lies in bytes [begin, end) and
/// uses the first `used`: the pages wholly behind those.
inline std::int64_t bytesNeverWritten(std::int64_t begin, std::int64_t used, std::int64_t end) {
  std::int64_t first = (begin + used + kLargePage - 1) / kLargePage;
  return std::max<std::int64_t>(0, end / kLargePage - first) * kLargePage;
}

/// A table that is read on demand takes memory by pages of 4 KiB; a segment smaller than
/// kLargePage is held whole.
constexpr std::int64_t kSmallPage = 4096;

/// Bytes of a table on demand that are never written, where `rows` rows of `width` bytes each begin
/// at byte `begin` of their segment and `isPresent(row)` says which are: its pages without one.
template <typename IsPresent>
std::int64_t bytesNeverRead(std::int64_t begin, std::int64_t rows, std::int64_t width,
                            IsPresent isPresent) {
  std::int64_t page = (begin + kSmallPage - 1) / kSmallPage; // the first that may be absent
  std::int64_t absent = 0;
  for (std::int64_t row = 0; row < rows; ++row) {
    if (!isPresent(row))
      continue;
    std::int64_t first = begin + row * width;
    absent += std::max<std::int64_t>(0, first / kSmallPage - page);
    page = std::max(page, (first + width + kSmallPage - 1) / kSmallPage);
  }
  return (absent + std::max<std::int64_t>(0, (begin + rows * width) / kSmallPage - page)) *
         kSmallPage;
}

} // namespace ftc::rt
