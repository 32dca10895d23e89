// Quantiles by rank of sorted lengths.
#include "runtime/tasks/LengthSummary.h"

#include <algorithm>
#include <numeric>

namespace ftc::rt {

LengthSummary summarizeLengths(std::vector<std::int64_t> &lengths) {
  LengthSummary summary;
  if (lengths.empty())
    return summary;
  std::sort(lengths.begin(), lengths.end());
  summary.count = static_cast<std::int64_t>(lengths.size());
  auto at = [&](std::int64_t percent) {
    return lengths[static_cast<std::size_t>((summary.count * percent + 99) / 100 - 1)];
  };
  summary.least = lengths.front();
  summary.median = at(50);
  summary.p90 = at(90);
  summary.p95 = at(95);
  summary.p99 = at(99);
  summary.most = lengths.back();
  summary.total = std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
  return summary;
}

CutSummary cutBy(std::span<const std::int64_t> lengths, std::int64_t limit) {
  CutSummary cut;
  cut.limit = limit;
  for (std::int64_t length : lengths)
    if (limit > 0 && length > limit) {
      ++cut.rows;
      cut.tokens += length - limit;
    }
  return cut;
}

} // namespace ftc::rt
