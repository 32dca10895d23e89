// LearningCurve: a metric measured on growing parts of the data, continued to all of it.
#pragma once

#include "assess/Uncertainty.h"

#include <cstdint>
#include <span>
#include <vector>

namespace ftc::assess {

struct CurvePoint {
  double rows = 0;
  double value = 0; ///< points
  double error = 0; ///< standard error, points
};

/// value(n) = top - drop n^-rate, the form that learning curves mostly have (Hestness et al.,
/// "Deep Learning Scaling is Predictable, Empirically", 2017).
struct PowerLaw {
  double top = 0, drop = 0, rate = 1;
  double at(double rows) const;
  /// Rows at which it reaches `value`; infinity where it never does.
  double rowsFor(double value) const;
};

/// Weighted least squares by 1 / error²: for each rate of a grid from 0.1 to 1 a line, its top
/// at most `most` and its drop at least 0. With fewer than two points a constant.
PowerLaw fitPowerLaw(std::span<const CurvePoint> points, double most = 100);

/// Intervals of points that hold what they speak of 9 times of 10, within 0 to 100.
struct Prediction {
  double value = 0, error = 0; ///< error: the standard error that low and high are of
  double freedom = Uncertainty{}.freedom; ///< of that error
  double low = 0, high = 0;       ///< the mean over seeds of runs, judged by these very rows
  double newLow = 0, newHigh = 0; ///< one run, judged by as many rows drawn anew
  double width() const { return high - low; }
};

/// The fit's value at `rows`. The interval is of fits to points redrawn within their errors; in
/// it are `noise`, the standard error of what is predicted beside the law, and 0.35 points for
/// each doubling that the law is continued by. Deterministic by `seed`.
Prediction extrapolate(std::span<const CurvePoint> points, double rows, double noise,
                       std::uint32_t seed, double most = 100);

/// `value` give or take Student's quantile of `mean`; one run on new rows has `one`.
Prediction around(double value, const Uncertainty &mean, const Uncertainty &one);
/// Of errors that are known; one run on new rows has `anew` beside.
Prediction around(double value, double error, double anew = 0);

} // namespace ftc::assess
