// A seeded, stratified split of training rows: what --validation_split_percentage makes.
#pragma once

#include "runtime/support/Status.h"

#include <cstdint>
#include <span>
#include <vector>

namespace ftc::rt {

struct RowSplit {
  std::vector<std::int64_t> train;      ///< rows, ascending
  std::vector<std::int64_t> validation; ///< rows, ascending
};

/// Puts `percentage` (1 … 99) of the rows into validation: rows are shuffled by `seed` within
/// each stratum (`strata` [rows]: the class id; for token classification whether a sentence
/// has an entity), and each stratum gives its share, remainders going to the largest
/// fractions so that the total is round(rows * percentage / 100), at least 1. A stratum with
/// a single row stays in training. Fails when either side would be empty.
Result<RowSplit> splitStratified(std::span<const std::int32_t> strata, int percentage,
                                 std::uint64_t seed);

} // namespace ftc::rt
