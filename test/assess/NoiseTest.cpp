// Scatter whose size is known is found again, and what two scores share falls out.
#include "assess/Noise.h"
#include "assess/SampleVariance.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

using namespace ftc::assess;

namespace {

Score scoreOf(std::vector<double> groups, double value, double error) {
  Score score;
  score.value = value;
  score.error = error;
  score.groups = std::move(groups);
  return score;
}

TEST(Noise, AVarianceDividesByOneLessThanTheValues) {
  EXPECT_NEAR(sampleVariance(std::vector<double>{1, 2, 6}), 7, 1e-12);
  EXPECT_NEAR(errorOfMean(std::vector<double>{1, 2, 6}), std::sqrt(7.0 / 3), 1e-12);
  // Beside a mean of 1e9 the squares' own digits would be gone.
  EXPECT_NEAR(sampleVariance(std::vector<double>{1e9 + 1, 1e9 + 2, 1e9 + 6}), 7, 1e-6);
  EXPECT_EQ(sampleVariance(std::vector<double>{5}), 0);
  EXPECT_EQ(errorOfMean({}), 0);
}

TEST(Noise, WhatBothSharesFallsOut) {
  Score a = scoreOf({10, 50, 30, 70}, 40, 13), b = scoreOf({15, 55, 35, 75}, 45, 13);
  EXPECT_NEAR(pairedError(a, b), 0, 1e-12);
  // Differences 4, 6, 4, 6: variance 4/3, of a mean of four.
  b.groups = {14, 56, 34, 76};
  EXPECT_NEAR(pairedError(a, b), std::sqrt(4.0 / 3 / 4), 1e-12);
  b.groups.clear();
  EXPECT_NEAR(pairedError(a, b), std::hypot(13, 13), 1e-12);
}

TEST(Noise, RowsThatWereAllSeenHaveNone) {
  EXPECT_EQ(unseenShare(100, 100), 0);
  EXPECT_NEAR(unseenShare(75, 100), 0.5, 1e-12);
  EXPECT_NEAR(unseenShare(1, 1000000), 1, 1e-6);
}

TEST(Noise, SeedsMoveAllRowsOrSome) {
  // All rows by 6 points: the variance of {40, 46} is 18.
  Score a = scoreOf({40, 40, 40, 40}, 40, 5), b = scoreOf({46, 46, 46, 46}, 46, 5);
  std::vector<Score> shifted{a, b};
  EXPECT_NEAR(seedDeviation(shifted).error, std::sqrt(18), 1e-9);
  EXPECT_EQ(seedDeviation(shifted).freedom, 1);
  // Groups apart by 8 either way, the whole by nothing: (64 * 4 / 3) / 4 / 2.
  b = scoreOf({48, 32, 48, 32}, 40, 5);
  std::vector<Score> scattered{a, b};
  EXPECT_NEAR(seedDeviation(scattered).error, std::sqrt(64.0 / 3 / 2), 1e-9);
  EXPECT_EQ(seedDeviation(scattered).freedom, 3);
  EXPECT_EQ(seedDeviation(std::span(scattered).first(1)).error, 0);
}

TEST(Noise, PartsOfTheSameRowsTellWhatNewRowsWouldDo) {
  // The mean of n of 400 values of standard deviation 20: over new samples of 400 it is 1.
  std::mt19937 random(5);
  std::normal_distribution<double> normal(0, 20);
  double squares = 0;
  constexpr int kTrials = 200;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> rows(400);
    for (double &row : rows)
      row = normal(random);
    std::vector<Replicates> sizes{{400, {0}}, {200, {}}, {50, {}}};
    for (Replicates &size : std::span(sizes).subspan(1))
      for (int part = 0; part < 8; ++part) {
        std::shuffle(rows.begin(), rows.end(), random);
        double sum = 0;
        for (int i = 0; i < static_cast<int>(size.rows); ++i)
          sum += rows[i];
        size.values.push_back(sum / size.rows);
      }
    double found = subsetDeviation(sizes, 400);
    squares += found * found / kTrials;
  }
  // 200 estimates of 14 degrees of freedom each: a relative error of 2.7 %, four of them.
  EXPECT_NEAR(squares, 1, 0.11);
}

} // namespace
