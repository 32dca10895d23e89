// What a run was seen to reach is not expected to be less of the same run.
#include "assess/TunedPrediction.h"

#include <gtest/gtest.h>

#include <cmath>

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
  EXPECT_NEAR(p.low, 100 - 1.644854 * 2, 1e-5);
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

TEST(TunedPrediction, TheGrowthOfAGainIsNotKnownExactly) {
  // 20 of 100 missing, four doublings: 0.05 * 4 * 0.2 of the 100 that are left.
  Prediction p = predictTuned(shortRun(0, 20, 4), around(0, 0), 0);
  EXPECT_NEAR(p.value, 32, 1e-9);
  EXPECT_NEAR(p.error, 4, 1e-9);
  EXPECT_NEAR(predictTuned(shortRun(20, 10, 4), around(20, 0), 0).error, 0, 1e-12); // a loss
}

TEST(TunedPrediction, TwoRunsTellTheirScatterBadly) {
  ShortRun run = shortRun(50, 40, 2);
  run.seeds = {2, 1};
  run.runs = 2;
  Prediction p = predictTuned(run, around(50, 0), 0);
  EXPECT_NEAR(p.value - p.low, 6.3138 * std::sqrt(2.0), 1e-3);
  run.seeds.freedom = 19;
  p = predictTuned(run, around(50, 0), 0);
  EXPECT_NEAR(p.value - p.low, 1.7291 * std::sqrt(2.0), 1e-3);
}

TEST(TunedPrediction, WhatStillRisesMayGoOnButIsNotExpectedTo) {
  ShortRun run = shortRun(0, 30, 2);
  run.rise = 0.01; // less than the growth of all gains
  EXPECT_NEAR(predictTuned(run, around(0, 0), 0).value, 39, 1e-9);
  run.rise = 0.2; // 0.3 + 2 * 0.2 of 100, beside 39
  Prediction p = predictTuned(run, around(0, 0), 0);
  EXPECT_NEAR(p.value, 39, 1e-9);
  double half = 1.644854 * 0.05 * 2 * 30;
  EXPECT_NEAR(p.low, 39 - half, 1e-4);
  EXPECT_NEAR(p.high, 70 + half, 1e-4);
  run.rise = 1; // no further than any gain
  p = predictTuned(run, around(0, 0), 0);
  EXPECT_NEAR(p.value, 39, 1e-9);
  EXPECT_NEAR(p.high, 90 + half, 1e-4);
}

TEST(TunedPrediction, ARunHasBegunWithATenthOfWhatIsMissing) {
  EXPECT_FALSE(hasBegun(11.6, 16.1)); // 4.5 of 88.4
  EXPECT_TRUE(hasBegun(11.6, 20.5));
  EXPECT_FALSE(hasBegun(30, 20)); // a loss
  EXPECT_TRUE(hasBegun(87, 82));  // little is missing: nothing to begin
  EXPECT_TRUE(hasBegun(97, 97));
}

TEST(Uncertainty, StudentsQuantilesAndWelchsFreedom) {
  EXPECT_NEAR(quantileOf(1), 6.3138, 1e-4);
  EXPECT_NEAR(quantileOf(2), 2.9200, 1e-4);
  EXPECT_NEAR(quantileOf(10), 1.8125, 1e-4);
  EXPECT_NEAR(quantileOf(1e9), 1.6449, 1e-4);
  Uncertainty both = together({{3, 1}, {4}});
  EXPECT_NEAR(both.error, 5, 1e-12);
  EXPECT_NEAR(both.freedom, 625.0 / 81, 1e-9);
}

} // namespace
