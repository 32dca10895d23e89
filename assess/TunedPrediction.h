// TunedPrediction: from what short runs showed to what the whole run is expected to reach.
#pragma once

#include "assess/LearningCurve.h"

namespace ftc::assess {

/// What short runs showed, in the mean. Points, of the same evaluation rows.
struct ShortRun {
  double before = 0; ///< what they begin with
  double reached = 0;
  double error = 0;      ///< of `reached`: rows not looked at, seeds
  double gainError = 0;  ///< of `reached` less `before`, likewise
  double leastError = 0; ///< of what is predicted, where seeds are not measured
  double doublings =
      0; ///< from the examples that they saw to those of the whole run; <= 0: all
};

/// What the whole run is expected to reach, where `base` is expected of what it begins with. A
/// run that saw as many examples is the whole run: its value is taken. Else `base` with a loss
/// as it is, or with a gain as a share of what is missing to 100, which grows by 0.15 of itself
/// for each doubling, to 0.9 at most or to the share that was measured. One run on new rows has
/// the standard error `anew` beside.
Prediction predictTuned(const ShortRun &run, const Prediction &base, double anew);

} // namespace ftc::assess
