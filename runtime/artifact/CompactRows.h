// Compact gradients and moments of embedding tables: the names that artifacts use, and the memory
// that rows which are not in use do not take.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace ftc::rt {

/// The symbol that counts the rows in use, and the input that gives each token id its row, -1 for
/// none.
constexpr std::string_view kTouched = "touched";
constexpr std::string_view kTouchedSlots = "touched.slots";

/// Memory is taken by pages of 2 MiB, of which one begun is taken whole.
constexpr std::int64_t kLargePage = std::int64_t(2) << 20;

/// Bytes of a table in a segment that are never written, where it lies in bytes [begin, end) and
/// uses the first `used`: the pages wholly behind those.
inline std::int64_t bytesNeverWritten(std::int64_t begin, std::int64_t used, std::int64_t end) {
  std::int64_t first = (begin + used + kLargePage - 1) / kLargePage;
  return std::max<std::int64_t>(0, end / kLargePage - first) * kLargePage;
}

} // namespace ftc::rt
