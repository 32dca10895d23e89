// Noise: what a measured difference may owe to the rows looked at, to the rows trained on and
// to a run's seed, each from scatter that was seen.
#pragma once

#include "assess/Scores.h"
#include "assess/Uncertainty.h"

#include <span>

namespace ftc::assess {

/// The standard error, over the examples, of b's value less a's, both of the same examples: of
/// the scatter of their groups' differences, so that what moves both falls out. Without groups
/// in common the two errors as if nothing did.
double pairedError(const Score &a, const Score &b);

/// What is left of a standard error over `seen` rows drawn without repetition from `all` when
/// their value for those `all` is asked for: sqrt(1 - seen / all).
double unseenShare(std::int64_t seen, std::int64_t all);

/// The mean of scores of the same examples, groups and error too.
Score meanScore(std::span<const Score> scores);

/// The standard deviation of one run's value over seeds, of runs judged by the same examples:
/// of their values or, where larger, by half the mean squared pairedError of two of them. The
/// first has what all rows share but is of few numbers, and its freedom one less than they are;
/// the second is of many groups, has theirs, and misses that. 0 of fewer than two runs.
Uncertainty seedDeviation(std::span<const Score> runs);

/// Values of what was fitted on several parts of the same rows, all of one size.
struct Replicates {
  double rows = 0;
  std::vector<double> values;
  double mean() const;
  double deviation() const; ///< standard deviation between parts; 0 of fewer than two
};

/// The standard deviation of a value over the `all` rows that it is fitted on, were they drawn
/// anew: between parts of n of them it is sqrt(1 - n / all) of what it would be between
/// samples of n, and it shrinks with the square root of the rows. Of all sizes below `all`
/// together; 0 where none has two values.
double subsetDeviation(std::span<const Replicates> sizes, double all);

} // namespace ftc::assess
