// LengthSummary: the quantiles of lengths, and what a limit would cut of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ftc::rt {

/// Quantiles are nearest-rank ones: values that occur.
struct LengthSummary {
  std::int64_t count = 0;
  std::int64_t least = 0, median = 0, p90 = 0, p95 = 0, p99 = 0, most = 0;
  std::int64_t total = 0;

  double mean() const {
    return count ? static_cast<double>(total) / static_cast<double>(count) : 0;
  }
};

/// Sorts `lengths`.
LengthSummary summarizeLengths(std::vector<std::int64_t> &lengths);

/// What a limit cuts; 0: there is no limit.
struct CutSummary {
  std::int64_t limit = 0;
  std::int64_t rows = 0;   ///< longer than the limit
  std::int64_t tokens = 0; ///< what they have beyond it
};

CutSummary cutBy(std::span<const std::int64_t> lengths, std::int64_t limit);

} // namespace ftc::rt
