// SampleVariance: the one place that divides by n - 1.
#pragma once

#include <span>

namespace ftc::assess {

/// The unbiased variance of what the values were drawn from: squares about their mean over
/// n - 1. 0 of fewer than two.
double sampleVariance(std::span<const double> values);

/// The standard error of their mean: sqrt(sampleVariance / n). 0 of fewer than two.
double errorOfMean(std::span<const double> values);

} // namespace ftc::assess
