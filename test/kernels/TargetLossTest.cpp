// The target loss kernels against f64 sums.
#include "compiler/targets/cpu/kernels/TargetLoss.h"
#include "test/kernels/KernelHarness.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace ftc::cpu;
using namespace ftc::cpu::test;

namespace {

double distance(bool squared, double x, double t) {
  return squared ? (x - t) * (x - t)
                 : std::max(x, 0.0) - x * t + std::log1p(std::exp(-std::abs(x)));
}

double slope(bool squared, double x, double t) {
  return squared ? 2 * (x - t) : 1 / (1 + std::exp(-x)) - t;
}

/// 0 or 1 for a label, any number for a value.
Floats makeTargets(bool squared, std::int64_t count) {
  Floats targets = randomFloats(count, 5, 4);
  for (std::int64_t i = 0; i < count && !squared; ++i)
    targets[i] = targets[i] > 1 ? 1 : 0;
  return targets;
}

class TargetLosses : public testing::TestWithParam<bool> {};

TEST_P(TargetLosses, LossAndGradientMatchReference) {
  const bool squared = GetParam();
  for (const CpuIsa *isa : runnableIsas())
    for (std::int64_t columns : {1, 2, 7, 16, 77, 300}) {
      auto loss = std::make_shared<TargetLoss>();
      auto gradient = std::make_shared<TargetLossGrad>();
      loss->columns = gradient->columns = columns;
      loss->squared = gradient->squared = squared;
      KernelLibrary library({loss, gradient}, *isa);
      for (std::int64_t rows : {0, 1, 3, 37})
        for (float scale : {0.0f, 3.0f, 120.0f}) {
          Floats logits = randomFloats(rows * columns, 1, scale), losses(rows);
          Floats targets = makeTargets(squared, rows * columns), dx(rows * columns);
          const double inverse = 1.0 / 29;
          library.run(*loss, {logits.data(), targets.data(), losses.data()}, {rows}, {},
                      Split::Pieces);
          library.run(*gradient, {logits.data(), targets.data(), dx.data()}, {rows}, {inverse},
                      Split::Pieces);
          ASSERT_TRUE(losses.intact() && dx.intact());
          for (std::int64_t r = 0; r < rows; ++r) {
            double exact = 0;
            for (std::int64_t c = 0; c < columns; ++c) {
              double x = logits[r * columns + c], t = targets[r * columns + c];
              exact += distance(squared, x, t) / double(columns);
              double wanted = slope(squared, x, t) * inverse / double(columns);
              // Sigmoid to 3 ulp of 1; differences and products to a few more of their own.
              ASSERT_NEAR(dx[r * columns + c], wanted,
                          4e-7 * (inverse / double(columns) + std::abs(wanted)))
                  << squared << " " << columns << " " << x << " " << t;
            }
            ASSERT_NEAR(losses[r], exact, 1e-6 * exact + 1e-37) << squared << " " << columns;
          }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Kinds, TargetLosses, testing::Bool(), [](const auto &info) {
  return info.param ? "SquaredError" : "BinaryCrossEntropy";
});

/// Confident and right: the small loss keeps its relative precision.
TEST(BinaryCrossEntropy, SmallLossesAreRelativelyExact) {
  for (const CpuIsa *isa : runnableIsas()) {
    auto loss = std::make_shared<TargetLoss>();
    loss->columns = 1;
    KernelLibrary library({loss}, *isa);
    for (float x : {4.0f, 10.0f, 20.0f, 50.0f}) {
      Floats logits{x, -x}, targets{1, 0}, losses(2);
      library.run(*loss, {logits.data(), targets.data(), losses.data()}, {2});
      double exact = std::log1p(std::exp(-double(x)));
      EXPECT_NEAR(losses[0], exact, 1e-6 * exact);
      EXPECT_EQ(losses[0], losses[1]);
    }
  }
}

} // namespace
