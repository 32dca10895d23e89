// The quantile is found in the integral of the density: five lines, and exact at freedom 1.
#include "assess/Uncertainty.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ftc::assess {

namespace {

constexpr double kNormalQuantile = 1.644853627;
/// Beyond so many degrees t is the normal's to four digits.
constexpr double kMostFreedom = 1e4;

/// The share of Student's t between 0 and x, by Simpson's rule.
double shareUpTo(double x, double freedom) {
  constexpr int kSteps = 400;
  double scale = std::exp(std::lgamma((freedom + 1) / 2) - std::lgamma(freedom / 2)) /
                 std::sqrt(freedom * std::numbers::pi);
  double sum = 0, step = x / kSteps;
  for (int i = 0; i <= kSteps; ++i) {
    double at = i * step, weight = i == 0 || i == kSteps ? 1 : i % 2 ? 4 : 2;
    sum += weight * std::pow(1 + at * at / freedom, -(freedom + 1) / 2);
  }
  return scale * sum * step / 3;
}

} // namespace

Uncertainty together(std::initializer_list<Uncertainty> parts) {
  double variance = 0, squares = 0;
  for (const Uncertainty &part : parts) {
    double own = part.error * part.error;
    variance += own;
    squares += own * own / part.freedom;
  }
  Uncertainty all{std::sqrt(variance)};
  if (squares > 0)
    all.freedom = variance * variance / squares;
  return all;
}

double quantileOf(double freedom) {
  if (freedom > kMostFreedom)
    return kNormalQuantile;
  freedom = std::max(1.0, freedom);
  double low = kNormalQuantile, high = 6.4;
  for (int halving = 0; halving < 50; ++halving) {
    double middle = (low + high) / 2;
    (shareUpTo(middle, freedom) < 0.45 ? low : high) = middle;
  }
  return (low + high) / 2;
}

} // namespace ftc::assess
