// Entity scores from counts.
#include "runtime/metrics/EntityCounts.h"

#include <algorithm>

namespace ftc::rt {

int EntityCounts::typeIndex(std::string_view name) {
  auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end())
    return static_cast<int>(found - names.begin());
  names.emplace_back(name);
  counts.emplace_back();
  return static_cast<int>(names.size()) - 1;
}

std::array<std::int64_t, 3> EntityCounts::totals() const {
  std::array<std::int64_t, 3> sum{};
  for (const Count &count : counts) {
    sum[0] += count.right;
    sum[1] += count.predicted;
    sum[2] += count.support;
  }
  return sum;
}

PrecisionRecallF1 EntityCounts::micro() const {
  auto [right, predicted, support] = totals();
  return precisionRecallF1(right, predicted, support);
}

std::vector<std::pair<std::string, PrecisionRecallF1>> EntityCounts::perType() const {
  std::vector<std::pair<std::string, PrecisionRecallF1>> result;
  for (std::size_t type = 0; type < names.size(); ++type) {
    const Count &count = counts[type];
    if (count.predicted > 0 || count.support > 0)
      result.emplace_back(names[type],
                          precisionRecallF1(count.right, count.predicted, count.support));
  }
  std::sort(result.begin(), result.end(),
            [](const auto &a, const auto &b) { return a.first < b.first; });
  return result;
}

} // namespace ftc::rt
