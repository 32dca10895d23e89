// Intervals against known values, and what drawing must have in common with formulas.
#include "runtime/metrics/Intervals.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace ftc::rt {
namespace {

TEST(Intervals, WilsonOfKnownProportions) {
  // Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I,
  // method 3.
  struct Case {
    std::int64_t right, all;
    double low, high;
  };
  for (auto [right, all, low, high] :
       {Case{81, 263, 0.2553, 0.3662}, Case{15, 148, 0.0624, 0.1605}, Case{0, 20, 0, 0.1611},
        Case{1, 29, 0.0061, 0.1718}}) {
    Interval interval = wilsonInterval(right, all);
    EXPECT_NEAR(interval.low, low, 1e-4) << right << "/" << all;
    EXPECT_NEAR(interval.high, high, 1e-4) << right << "/" << all;
  }
  EXPECT_EQ(wilsonInterval(7, 7).high, 1);
  EXPECT_EQ(wilsonInterval(0, 0).high, 1);
}

TEST(Intervals, McNemarExact) {
  EXPECT_DOUBLE_EQ(mcnemarExact(0, 0), 1);
  EXPECT_NEAR(mcnemarExact(6, 0), 2 * std::pow(0.5, 6), 1e-12);
  EXPECT_NEAR(mcnemarExact(1, 9), 2 * 11 / 1024.0, 1e-12);
  EXPECT_DOUBLE_EQ(mcnemarExact(5, 5), 1);
  EXPECT_NEAR(mcnemarExact(3, 4), mcnemarExact(4, 3), 1e-15);
}

SampledMetric proportion(int right, int all, int baseline) {
  SampledMetric metric{.name = "accuracy",
                       .unit = "examples",
                       .width = 2,
                       .value = ratioOfSums,
                       .proportion = true};
  for (int i = 0; i < all; ++i) {
    metric.sums.insert(metric.sums.end(), {i < right ? 1.0 : 0.0, 1});
    metric.baseline.insert(metric.baseline.end(), {i >= all - baseline ? 1.0 : 0.0, 1});
  }
  return metric;
}

TEST(Intervals, FewExamplesTellLittle) {
  std::optional<MetricNoise> few = measureNoise(proportion(5, 8, 3));
  ASSERT_TRUE(few);
  EXPECT_FALSE(few->beyondNoise);
  std::optional<MetricNoise> many = measureNoise(proportion(500, 800, 300));
  ASSERT_TRUE(many);
  EXPECT_TRUE(many->beyondNoise);
  EXPECT_DOUBLE_EQ(many->value, 0.625);
  EXPECT_DOUBLE_EQ(*many->baseline, 0.375);
  EXPECT_GT(many->difference->low, 0);
  EXPECT_LT(many->difference->high, 0.5);
  EXPECT_FALSE(measureNoise(SampledMetric()));
}

TEST(Intervals, BootstrapOfAMeanIsItsStandardError) {
  SampledMetric metric{.name = "f1", .unit = "questions", .width = 2, .value = ratioOfSums};
  double sum = 0, squares = 0;
  constexpr int kUnits = 30000; // more than are drawn one by one
  std::mt19937 random(7);
  for (int i = 0; i < kUnits; ++i) {
    double value = static_cast<double>(random() % 101);
    sum += value;
    squares += value * value;
    metric.sums.insert(metric.sums.end(), {value, 1});
  }
  double mean = sum / kUnits, error = std::sqrt((squares / kUnits - mean * mean) / kUnits);
  std::optional<MetricNoise> noise = measureNoise(metric);
  ASSERT_TRUE(noise);
  EXPECT_DOUBLE_EQ(noise->value, mean);
  EXPECT_FALSE(noise->baseline);
  // 1,000 draws know a percentile to some 5 %.
  EXPECT_NEAR((noise->interval.high - noise->interval.low) / (2 * 1.96 * error), 1, 0.1);
  EXPECT_EQ(measureNoise(metric)->interval.low, noise->interval.low);
}

TEST(Intervals, F1OfSums) {
  EXPECT_DOUBLE_EQ(f1OfSums(std::vector<double>{2, 4, 4}), 0.5);
  EXPECT_DOUBLE_EQ(f1OfSums(std::vector<double>{0, 0, 0}), 0);
}

} // namespace
} // namespace ftc::rt
