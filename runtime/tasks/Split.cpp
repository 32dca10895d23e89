// The stratified split: shares by largest remainder, rows by a seeded shuffle.
#include "runtime/tasks/Split.h"

#include "runtime/support/SplitMix64.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace ftc::rt {

namespace {

/// Uniform in [0, bound), without bias: the low end that would wrap unevenly is redrawn.
std::uint64_t drawBelow(SplitMix64 &random, std::uint64_t bound) {
  std::uint64_t uneven = (0 - bound) % bound;
  for (;;)
    if (std::uint64_t value = random.next(); value >= uneven)
      return value % bound;
}

struct Stratum {
  std::int32_t id = 0;
  std::vector<std::int64_t> rows;
  std::int64_t share = 0;
  std::int64_t remainder = 0; ///< hundredths beyond the share
};

} // namespace

Result<RowSplit> splitStratified(std::span<const std::int32_t> strata, int percentage,
                                 std::uint64_t seed) {
  auto rows = static_cast<std::int64_t>(strata.size());
  if (percentage < 1 || percentage > 99)
    return Status::usage("--validation_split_percentage: expected 1 to 99, got " +
                         std::to_string(percentage));
  if (rows < 2)
    return Status::error("--validation_split_percentage: expected at least 2 rows to split, "
                         "got " +
                         std::to_string(rows));
  std::map<std::int32_t, Stratum> byStratum;
  for (std::int64_t row = 0; row < rows; ++row)
    byStratum[strata[row]].rows.push_back(row);

  std::int64_t wanted = std::clamp<std::int64_t>((rows * percentage + 50) / 100, 1, rows - 1);
  std::vector<Stratum *> order;
  for (auto &[id, stratum] : byStratum) {
    auto size = static_cast<std::int64_t>(stratum.rows.size());
    stratum.share = size * percentage / 100;
    stratum.remainder = size * percentage % 100;
    stratum.id = id;
    wanted -= stratum.share;
    order.push_back(&stratum);
  }
  std::sort(order.begin(), order.end(), [](const Stratum *a, const Stratum *b) {
    return std::pair(-a->remainder, a->id) < std::pair(-b->remainder, b->id);
  });
  // Each stratum keeps a row for training; rounds go on while something is still wanted.
  for (bool gave = true; wanted > 0 && gave;) {
    gave = false;
    for (Stratum *stratum : order) {
      if (wanted == 0)
        break;
      if (stratum->share + 1 >= static_cast<std::int64_t>(stratum->rows.size()))
        continue;
      ++stratum->share;
      --wanted;
      gave = true;
    }
  }

  RowSplit split;
  SplitMix64 random(seed);
  for (auto &[id, stratum] : byStratum) {
    std::vector<std::int64_t> &members = stratum.rows;
    for (std::size_t left = members.size(); left > 1; --left)
      std::swap(members[left - 1], members[drawBelow(random, left)]);
    split.validation.insert(split.validation.end(), members.begin(),
                            members.begin() + stratum.share);
    split.train.insert(split.train.end(), members.begin() + stratum.share, members.end());
  }
  std::sort(split.train.begin(), split.train.end());
  std::sort(split.validation.begin(), split.validation.end());
  if (split.train.empty() || split.validation.empty())
    return Status::error("--validation_split_percentage: expected labels with two rows or "
                         "more to split, got " +
                         std::to_string(byStratum.size()) + " labels over " +
                         std::to_string(rows) + " rows");
  return split;
}

} // namespace ftc::rt
