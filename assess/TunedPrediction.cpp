// A gain is a share of what is missing: what the base has more at all rows leaves less to gain.
#include "assess/TunedPrediction.h"

#include <algorithm>
#include <cmath>

namespace ftc::assess {

namespace {

/// By how much the gain of tuning over the probe grows each time that as many examples again
/// are seen, where there is one: what wnut17 showed with MiniLM, whose short runs gain 7.5 to
/// 11.6 points over their probe and whose whole runs 17 over the probe of all rows
/// (docs/assess.md).
constexpr double kGainGrowth = 0.15;
/// To what share of what is missing a gain may be continued; more where more was seen.
constexpr double kMostContinued = 0.9;

} // namespace

Prediction predictTuned(const ShortRun &run, const Prediction &base, double anew) {
  if (run.doublings <= 0)
    return around(run.reached, std::max(run.error, run.leastError), anew);
  double gain = run.reached - run.before, growth = 1;
  if (gain > 0) {
    double missing = std::max(0.5, 100 - run.before), left = 100 - base.value;
    double seen = std::min(1.0, gain / missing);
    growth = 1 + kGainGrowth * run.doublings;
    gain = std::min(std::max(kMostContinued, seen), growth * seen) * left;
    growth *= left / missing;
  }
  return around(std::clamp(base.value + gain, 0.0, 100.0),
                std::max(std::hypot(base.error, growth * run.gainError), run.leastError), anew);
}

} // namespace ftc::assess
