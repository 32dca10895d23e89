// Cross-entropy kernels, with class weights and without, against f64 sums.
#include "compiler/targets/cpu/kernels/CrossEntropy.h"
#include "test/kernels/KernelHarness.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace ftc::cpu;
using namespace ftc::cpu::test;

namespace {

/// Weights between 0.2 and 2.2.
Floats makeClassWeights(std::int64_t classes) {
  Floats weights = randomFloats(classes, 9);
  for (std::int64_t c = 0; c < classes; ++c)
    weights[c] += 1.2f;
  return weights;
}

Ints makeLabels(std::int64_t rows, std::int64_t classes) {
  Ints labels(rows);
  for (std::int64_t r = 0; r < rows; ++r)
    labels[r] = r % 4 == 2 ? -100 : int(r * 5 % classes);
  return labels;
}

/// PyTorch's cross-entropy with label smoothing `e` and class weights, and its gradient times
/// `inverse`, row by row in f64. `gradientTolerance` is relative to `inverse`.
void expectReference(const Floats &logits, const Ints &labels, const Floats &weights, double e,
                     double inverse, const Floats &losses, const Floats &dx, double tolerance,
                     double gradientTolerance) {
  const auto classes = static_cast<std::int64_t>(weights.size());
  double sum = 0;
  for (std::int64_t c = 0; c < classes; ++c)
    sum += weights[c];
  for (std::size_t r = 0; r < labels.size(); ++r) {
    const float *row = &logits[r * classes];
    double top = -1e30, total = 0, mean = 0;
    for (std::int64_t c = 0; c < classes; ++c)
      top = std::max(top, double(row[c]));
    for (std::int64_t c = 0; c < classes; ++c)
      total += std::exp(row[c] - top);
    double lse = top + std::log(total);
    for (std::int64_t c = 0; c < classes; ++c)
      mean += weights[c] * (lse - row[c]) / classes;
    bool counts = labels[r] >= 0;
    double hit = counts ? (1 - e) * weights[labels[r]] : 0;
    double own = counts ? lse - row[labels[r]] : 0;
    ASSERT_NEAR(losses[r], counts ? hit * own + e * mean : 0, tolerance);
    for (std::int64_t c = 0; c < classes; ++c) {
      double target = e * weights[c] / classes + (c == labels[r] ? hit : 0);
      double p = std::exp(row[c] - lse);
      double exact = (p * (hit + e * sum / classes) - target) * inverse;
      ASSERT_NEAR(dx[r * classes + c], counts ? exact : 0, gradientTolerance * inverse);
    }
  }
}

TEST(CrossEntropy, WeightedLossAndGradientMatchReference) {
  for (const CpuIsa *isa : runnableIsas())
    for (std::int64_t classes : {1, 2, 7, 77, 1000}) {
      auto loss = std::make_shared<CrossEntropy>();
      auto gradient = std::make_shared<CrossEntropyGrad>();
      loss->classes = gradient->classes = classes;
      loss->weighted = gradient->weighted = true;
      KernelLibrary library({loss, gradient}, *isa);
      Floats weights = makeClassWeights(classes);
      for (std::int64_t rows : {0, 1, 37})
        for (double e : {0.0, 0.1}) {
          Floats logits = randomFloats(rows * classes, 1, 20), losses(rows), dx(rows * classes);
          Ints labels = makeLabels(rows, classes);
          const double inverse = 1.0 / 29;
          library.run(*loss, {logits.data(), labels.data(), losses.data(), weights.data()},
                      {rows}, {e}, Split::Pieces);
          library.run(*gradient, {logits.data(), labels.data(), dx.data(), weights.data()},
                      {rows}, {e, inverse}, Split::Pieces);
          ASSERT_TRUE(losses.intact() && dx.intact());
          // Logits of size 20 and weights to 2.2: differences exact to 5e-6.
          expectReference(logits, labels, weights, e, inverse, losses, dx, 2e-5, 2e-6);
        }
    }
}

/// One artifact serves runs with class weights and without: weights of 1 change no bit.
TEST(CrossEntropy, WeightsOfOneGiveTheBitsOfNone) {
  for (const CpuIsa *isa : runnableIsas())
    for (std::int64_t classes : {2, 3, 77}) {
      auto loss = std::make_shared<CrossEntropy>(), weighted = std::make_shared<CrossEntropy>();
      auto gradient = std::make_shared<CrossEntropyGrad>();
      auto weightedGradient = std::make_shared<CrossEntropyGrad>();
      loss->classes = weighted->classes = classes;
      gradient->classes = weightedGradient->classes = classes;
      weighted->weighted = weightedGradient->weighted = true;
      KernelLibrary library({loss, gradient, weighted, weightedGradient}, *isa);
      const std::int64_t rows = 37;
      Floats logits = randomFloats(rows * classes, 1, 6), one(rows), two(rows), ones(classes);
      Floats dx(rows * classes), dy(rows * classes);
      Ints labels(rows);
      for (std::int64_t c = 0; c < classes; ++c)
        ones[c] = 1;
      for (std::int64_t r = 0; r < rows; ++r)
        labels[r] = int(r * 5 % classes);
      library.run(*loss, {logits.data(), labels.data(), one.data()}, {rows}, {0.0});
      library.run(*weighted, {logits.data(), labels.data(), two.data(), ones.data()}, {rows},
                  {0.0});
      library.run(*gradient, {logits.data(), labels.data(), dx.data()}, {rows}, {0.0, 0.1});
      library.run(*weightedGradient, {logits.data(), labels.data(), dy.data(), ones.data()},
                  {rows}, {0.0, 0.1});
      EXPECT_TRUE(one == two);
      EXPECT_TRUE(dx == dy);
    }
}

TEST(CrossEntropy, LossAndGradientMatchReference) {
  for (const CpuIsa *isa : runnableIsas())
    for (std::int64_t classes : {1, 2, 7, 77, 1000}) {
      auto loss = std::make_shared<CrossEntropy>();
      auto gradient = std::make_shared<CrossEntropyGrad>();
      loss->classes = gradient->classes = classes;
      KernelLibrary library({loss, gradient}, *isa);
      Floats ones(classes);
      for (std::int64_t c = 0; c < classes; ++c)
        ones[c] = 1;
      for (std::int64_t rows : {0, 1, 3, 37})
        for (double e : {0.0, 0.1}) {
          Floats logits = randomFloats(rows * classes, 1, 20), losses(rows), dx(rows * classes);
          Ints labels = makeLabels(rows, classes);
          const double inverse = 1.0 / 29;
          library.run(*loss, {logits.data(), labels.data(), losses.data()}, {rows}, {e},
                      Split::Pieces);
          library.run(*gradient, {logits.data(), labels.data(), dx.data()}, {rows},
                      {e, inverse}, Split::Pieces);
          ASSERT_TRUE(losses.intact() && dx.intact());
          // Logits of size 20: differences exact to 2e-6, exponentials to 2 ulp.
          expectReference(logits, labels, ones, e, inverse, losses, dx, 1e-5, 1e-6);
        }
    }
}

} // namespace
