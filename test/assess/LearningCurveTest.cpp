// Curves that are power laws are found again, and continued with an interval that holds them.
#include "assess/LearningCurve.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace ftc::assess;

namespace {

std::vector<CurvePoint> points(const PowerLaw &law, std::initializer_list<double> rows,
                               double error) {
  std::vector<CurvePoint> out;
  for (double n : rows)
    out.push_back({n, law.at(n), error});
  return out;
}

TEST(LearningCurve, FindsThePowerLawOfItsGrid) {
  PowerLaw law{92, 300, 0.5};
  PowerLaw found = fitPowerLaw(points(law, {100, 200, 400, 800, 1600}, 0.5));
  EXPECT_NEAR(found.top, 92, 1e-6);
  EXPECT_NEAR(found.drop, 300, 1e-5);
  EXPECT_NEAR(found.rate, 0.5, 1e-9);
  EXPECT_NEAR(found.rowsFor(89), 10000, 1e-3);
  EXPECT_TRUE(std::isinf(found.rowsFor(93)));
}

TEST(LearningCurve, AFallingCurveIsAConstant) {
  std::vector<CurvePoint> falling{{100, 80, 1}, {200, 70, 1}, {400, 60, 1}};
  PowerLaw found = fitPowerLaw(falling);
  EXPECT_NEAR(found.at(100000), 70, 1e-9);
}

TEST(LearningCurve, NeverAboveTheMost) {
  std::vector<CurvePoint> steep{{100, 50, 1}, {200, 75, 1}, {400, 100, 1}};
  EXPECT_LE(fitPowerLaw(steep).at(1e9), 100 + 1e-9);
}

TEST(LearningCurve, TheIntervalHoldsTheTruthAndGrowsWithDistance) {
  PowerLaw law{90, 250, 0.45};
  std::vector<CurvePoint> measured = points(law, {150, 300, 600, 1200, 2400}, 0.6);
  double offsets[] = {0.5, -0.6, 0.3, 0.4, -0.5};
  for (std::size_t i = 0; i < measured.size(); ++i)
    measured[i].value += offsets[i];
  Prediction near = extrapolate(measured, 4800, 0.6, 7),
             far = extrapolate(measured, 48000, 0.6, 7);
  EXPECT_LE(near.low, law.at(4800));
  EXPECT_GE(near.high, law.at(4800));
  EXPECT_LE(far.low, law.at(48000));
  EXPECT_GE(far.high, law.at(48000));
  EXPECT_GT(far.width(), near.width());
  Prediction again = extrapolate(measured, 4800, 0.6, 7);
  EXPECT_EQ(again.low, near.low);
  EXPECT_EQ(again.high, near.high);
}

} // namespace
