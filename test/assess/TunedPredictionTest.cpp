// What a run was seen to reach is not expected to be less of the same run.
#include "assess/TunedPrediction.h"

#include <gtest/gtest.h>

using namespace ftc::assess;

namespace {

ShortRun shortRun(double before, double reached, double doublings) {
  ShortRun run;
  run.before = before;
  run.reached = reached;
  run.doublings = doublings;
  return run;
}

TEST(TunedPrediction, AWholeRunIsTakenAsItIs) {
  ShortRun run = shortRun(0, 100, 0);
  run.leastError = 2;
  Prediction p = predictTuned(run, around(0, 0), 0);
  EXPECT_EQ(p.value, 100);
  EXPECT_NEAR(p.low, 100 - 1.645 * 2, 1e-9);
  // Also where the base of all rows is another than that of the run's rows.
  run = shortRun(40, 30, -1);
  run.error = 1;
  p = predictTuned(run, around(60, 5), 0);
  EXPECT_EQ(p.value, 30);
  EXPECT_EQ(p.error, 1);
}

TEST(TunedPrediction, AGainGrowsToNineTenthsOfWhatIsMissingOrToWhatWasSeen) {
  EXPECT_NEAR(predictTuned(shortRun(50, 60, 2), around(70, 0), 0).value, 70 + 30 * 0.2 * 1.3,
              1e-9);
  EXPECT_NEAR(predictTuned(shortRun(0, 85, 2), around(0, 0), 0).value, 90, 1e-9);
  EXPECT_NEAR(predictTuned(shortRun(0, 96, 2), around(0, 0), 0).value, 96, 1e-9);
  EXPECT_NEAR(predictTuned(shortRun(50, 44, 2), around(70, 0), 0).value, 64, 1e-9);
}

TEST(TunedPrediction, WithoutSeedsAnIntervalHasTheLeastWidth) {
  ShortRun run = shortRun(10, 30, 1);
  run.leastError = 3;
  EXPECT_NEAR(predictTuned(run, around(10, 0), 0).error, 3, 1e-12);
  run.gainError = 4; // what was measured is more
  EXPECT_GT(predictTuned(run, around(10, 0), 0).error, 4);
}

} // namespace
