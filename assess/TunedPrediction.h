// TunedPrediction: from what short runs showed to what the whole run is expected to reach.
#pragma once

#include "assess/LearningCurve.h"

namespace ftc::assess {

/// What short runs showed, in the mean. Points, of the same evaluation rows.
struct ShortRun {
  double before = 0; ///< what they begin with
  double reached = 0;
  double error = 0;      ///< of `reached`: rows not looked at
  double gainError = 0;  ///< of `reached` less `before`, likewise
  Uncertainty seeds;     ///< of one run's value
  double runs = 1;       ///< whose mean it is
  double leastError = 0; ///< of what is predicted, where seeds are not measured
  double doublings =
      0; ///< from the examples that they saw to those of the whole run; <= 0: all
  /// Of what is missing to 100 before it, the share that a run gained more for each doubling of
  /// its examples at its end; 0: not measured.
  double rise = 0;
};

/// Whether a run that began with `before` shows how its model learns: it gained a tenth of what
/// is missing to 100, or reached more than that.
bool hasBegun(double before, double reached);

/// What the whole run is expected to reach, where `base` is expected of what it begins with. A
/// run that saw as many examples is the whole run: its value is taken. Else `base` with a loss
/// as it is, or with a gain as a share of what is missing to 100, which grows by 0.15 of itself
/// for each doubling, give or take 0.05, to 0.9 at most or to the share that was measured.
/// Where the gain was still rising faster than that, the interval reaches up to the rise going
/// on; it is not expected to: after a plateau a curve is at its steepest. One run on as many
/// rows drawn anew has `newRows` and its own seed beside.
Prediction predictTuned(const ShortRun &run, const Prediction &base, double newRows);

} // namespace ftc::assess
