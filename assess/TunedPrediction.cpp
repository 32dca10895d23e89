// A gain is a share of what is missing: what the base has more at all rows leaves less to gain.
#include "assess/TunedPrediction.h"

#include <algorithm>
#include <cmath>

namespace ftc::assess {

namespace {

/// By how much the gain of tuning over the probe grows each time that as many examples again
/// are seen, where there is one, and the standard deviation that this is given: with MiniLM it
/// was 0.16 on squadshifts_new_wiki, and 0.21, 0.23, 0.23 and 0.6 of four seeds on wnut17
/// (docs/assess.md). Two data sets tell neither figure well.
constexpr double kGainGrowth = 0.15, kGrowthError = 0.05;
/// To what share of what is missing a gain may be continued; more where more was seen.
constexpr double kMostContinued = 0.9;

/// MiniLM's first 23 steps on squadshifts_new_wiki gain a twentieth, and then it stays there
/// for as many; on wnut17 fourteen gain a tenth or more.
constexpr double kBegunShare = 0.1;

/// The mean of runs with `mean`'s error, and one run's: the seeds' noise is the same in both.
Prediction withNoise(double value, const Uncertainty &beside, const ShortRun &run,
                     double seedsInMean, double newRows) {
  Uncertainty drawn{seedsInMean, run.seeds.freedom},
      one{std::hypot(seedsInMean, run.seeds.error), run.seeds.freedom};
  Uncertainty mean = together({beside, drawn});
  if (mean.error < run.leastError)
    mean = {run.leastError};
  return around(value, mean,
                together({{std::max(beside.error, run.leastError)}, one, {newRows}}));
}

} // namespace

bool hasBegun(double before, double reached) {
  double missing = 100 - before;
  return reached > missing || reached - before > kBegunShare * missing;
}

Prediction predictTuned(const ShortRun &run, const Prediction &base, double newRows) {
  double drawn = run.seeds.error / std::sqrt(run.runs);
  if (run.doublings <= 0)
    return withNoise(run.reached, {run.error}, run, drawn, newRows);
  double gain = run.reached - run.before, growth = 1, unsure = 0, further = 0;
  if (gain > 0) {
    double missing = std::max(0.5, 100 - run.before), left = 100 - base.value;
    double seen = std::min(1.0, gain / missing), most = std::max(kMostContinued, seen);
    growth = 1 + kGainGrowth * run.doublings;
    double share = std::min(most, growth * seen);
    further = std::max(0.0, std::min(most, seen + run.rise * run.doublings) - share) * left;
    gain = share * left;
    unsure = kGrowthError * run.doublings * seen * left;
    growth *= left / missing;
  }
  Uncertainty beside{std::hypot(base.error, growth * run.gainError, unsure)};
  Prediction p = withNoise(std::clamp(base.value + gain, 0.0, 100.0), beside, run,
                           growth * drawn, newRows);
  for (double *high : {&p.high, &p.newHigh})
    *high = std::min(100.0, *high + further);
  return p;
}

} // namespace ftc::assess
