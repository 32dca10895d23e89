// Uncertainty: a standard error with how well it is known itself.
#pragma once

#include <initializer_list>
#include <limits>

namespace ftc::assess {

struct Uncertainty {
  double error = 0; ///< standard error, points
  /// Degrees of freedom of the variance: two runs leave one. Infinite: taken for known.
  double freedom = std::numeric_limits<double>::infinity();
};

/// The error of a sum of independent parts. Its freedom is Welch and Satterthwaite's (1946):
/// (sum v)^2 / sum(v^2 / freedom), of variances v.
Uncertainty together(std::initializer_list<Uncertainty> parts);

/// Student's t that 95 % lie below, so that value ± quantile x error holds 90 %: 1.645 where
/// the freedom is infinite, 6.314 at 1, which is the least that it is taken for.
double quantileOf(double freedom);

} // namespace ftc::assess
