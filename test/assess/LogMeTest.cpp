// LogME beside an independent implementation's values (test/oracle/record_logme.py).
#include "assess/LogMe.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace ftc::assess;

namespace {

/// The recorder's generator: the upper bits of a linear congruential one, in [-1, 1).
std::vector<double> numbers(std::int64_t count, std::uint32_t seed) {
  std::vector<double> out;
  std::uint32_t state = seed;
  for (std::int64_t i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    out.push_back((state >> 8) / 8388608.0 - 1);
  }
  return out;
}

Matrix features(std::int64_t n, std::int64_t d, std::uint32_t seed) {
  Matrix out(n, d);
  std::vector<double> values = numbers(n * d, seed);
  for (std::size_t i = 0; i < values.size(); ++i)
    out.values[i] = static_cast<float>(values[i]);
  return out;
}

double ofClasses(std::int64_t n, std::int64_t d, int classes, std::uint32_t seed) {
  Matrix f = features(n, d, seed);
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < n; ++i)
    labels.push_back(static_cast<std::int32_t>((i + (f.row(i)[0] > 0)) % classes));
  return logMeOfClasses(f, labels);
}

double ofValues(std::int64_t n, std::int64_t d, std::int64_t outputs, std::uint32_t seed) {
  Matrix f = features(n, d, seed);
  std::vector<double> noise = numbers(n * outputs, seed + 1);
  DoubleMatrix targets(n, outputs);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < outputs; ++j)
      targets.row(i)[j] = 3.0 * static_cast<double>(f.row(i)[j]) + noise[i * outputs + j];
  return logMe(f, targets);
}

TEST(LogMe, ClassesAsRecorded) {
  EXPECT_NEAR(ofClasses(60, 12, 3, 1), -0.865677077019, 1e-6);
  EXPECT_NEAR(ofClasses(500, 64, 10, 3), -0.266037627867, 1e-6);
}

TEST(LogMe, FewerRowsThanFeaturesAsRecorded) {
  EXPECT_NEAR(ofClasses(20, 40, 4, 2), 1.804305287752, 1e-6);
}

TEST(LogMe, RegressionAsRecorded) {
  EXPECT_NEAR(ofValues(200, 30, 2, 4), -1.154992441238, 1e-6);
  EXPECT_NEAR(ofValues(33, 33, 1, 5), -1.785415183643, 1e-6);
}

TEST(Dense, EigenvectorsDiagonalize) {
  Matrix f = features(40, 25, 9);
  DoubleMatrix a = gram(f, /*columns=*/true);
  SymmetricEigen eigen = eigenOfSymmetric(a);
  for (std::int64_t k = 0; k < 25; ++k) {
    std::span<const double> v = eigen.vectors.row(k);
    double length = 0;
    for (std::int64_t i = 0; i < 25; ++i) {
      double product = 0;
      for (std::int64_t j = 0; j < 25; ++j)
        product += a.row(i)[j] * v[j];
      EXPECT_NEAR(product, eigen.values[k] * v[i], 1e-11);
      length += v[i] * v[i];
    }
    EXPECT_NEAR(length, 1, 1e-12);
    if (k > 0)
      EXPECT_LE(eigen.values[k - 1], eigen.values[k]);
  }
}

} // namespace
