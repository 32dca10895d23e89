// Two passes: nothing cancels where the mean is large beside the scatter.
#include "assess/SampleVariance.h"

#include <cmath>
#include <numeric>

namespace ftc::assess {

double sampleVariance(std::span<const double> values) {
  if (values.size() < 2)
    return 0;
  auto n = static_cast<double>(values.size());
  double mean = std::accumulate(values.begin(), values.end(), 0.0) / n, squares = 0;
  for (double value : values)
    squares += (value - mean) * (value - mean);
  return squares / (n - 1);
}

double errorOfMean(std::span<const double> values) {
  if (values.empty())
    return 0;
  return std::sqrt(sampleVariance(values) / static_cast<double>(values.size()));
}

} // namespace ftc::assess
