// Metrics of real values: squared error and correlations, as scikit-learn and SciPy define
// them.
#pragma once

#include <span>

namespace ftc::rt {

/// mean_squared_error; 0 without values.
double meanSquaredError(std::span<const double> truth, std::span<const double> found);

/// Mean squared distance from the mean: what always answering with it reaches.
double populationVariance(std::span<const double> values);

/// pearsonr; 0 where it is not defined (fewer than two values, or all of one side equal).
double pearsonCorrelation(std::span<const double> a, std::span<const double> b);

/// spearmanr: Pearson's correlation of the ranks, ties sharing the mean of theirs.
double spearmanCorrelation(std::span<const double> a, std::span<const double> b);

} // namespace ftc::rt
