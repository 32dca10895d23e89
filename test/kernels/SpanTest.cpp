// The span loss kernels against f64 sums over each sequence.
#include "compiler/targets/cpu/kernels/Span.h"
#include "test/kernels/KernelHarness.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace ftc::cpu;
using namespace ftc::cpu::test;

namespace {

/// Sequences of all lengths around a vector's, scores of size `scale`, some without a label.
struct Spans {
  explicit Spans(float scale) {
    for (int length : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33, 64, 130})
      lengths.push_back(length);
    offsets = Ints(lengths.size() + 1);
    starts = Ints(lengths.size()), ends = Ints(lengths.size());
    for (std::size_t s = 0; s < lengths.size(); ++s) {
      offsets[s + 1] = offsets[s] + lengths[s];
      starts[s] = s % 4 == 2 ? -100 : int(s * 7 % lengths[s]);
      ends[s] = s % 4 == 2 ? -100 : int(lengths[s] - 1 - s % lengths[s]);
    }
    logits = randomFloats(2 * offsets[lengths.size()], 3, scale);
  }

  double at(std::size_t s, std::int64_t row, int column) const {
    return logits[2 * (offsets[s] + row) + column];
  }
  double logSumExp(std::size_t s, int column) const {
    double top = -1e30, sum = 0;
    for (int row = 0; row < lengths[s]; ++row)
      top = std::max(top, at(s, row, column));
    for (int row = 0; row < lengths[s]; ++row)
      sum += std::exp(at(s, row, column) - top);
    return top + std::log(sum);
  }

  std::vector<int> lengths;
  Ints offsets, starts, ends;
  Floats logits;
};

TEST(SpanLoss, LossAndGradientMatchReference) {
  auto loss = std::make_shared<SpanLoss>();
  auto gradient = std::make_shared<SpanLossGrad>();
  for (const CpuIsa *isa : runnableIsas()) {
    KernelLibrary library({loss, gradient}, *isa);
    for (float scale : {0.0f, 5.0f, 60.0f}) {
      Spans data(scale);
      const std::int64_t count = std::int64_t(data.lengths.size());
      Floats losses(count), dx(data.logits.size());
      const double inverse = 1.0 / 11;
      library.run(*loss,
                  {data.logits.data(), data.offsets.data(), data.starts.data(),
                   data.ends.data(), losses.data()},
                  {count}, {}, Split::Pieces);
      library.run(*gradient,
                  {data.logits.data(), data.offsets.data(), data.starts.data(),
                   data.ends.data(), dx.data()},
                  {count}, {inverse}, Split::Pieces);
      ASSERT_TRUE(losses.intact() && dx.intact());
      for (std::int64_t s = 0; s < count; ++s) {
        bool counts = data.starts[s] >= 0;
        double exact = 0;
        for (int column : {0, 1}) {
          int label = column ? data.ends[s] : data.starts[s];
          double lse = data.logSumExp(s, column);
          exact += counts ? (lse - data.at(s, label, column)) / 2 : 0;
          for (int row = 0; row < data.lengths[s]; ++row) {
            double slope =
                (std::exp(data.at(s, row, column) - lse) - (row == label)) * inverse / 2;
            // Exponentials to 2 ulp, their sum to a few more.
            ASSERT_NEAR(dx[2 * (data.offsets[s] + row) + column], counts ? slope : 0,
                        1e-6 * inverse)
                << s << " " << row << " " << column;
          }
        }
        // Scores of size 60: differences exact to 8e-6.
        ASSERT_NEAR(losses[s], exact, 1e-6 + 1e-6 * scale) << s;
      }
    }
  }
}

/// A sequence's loss has the same bits alone and behind others.
TEST(SpanLoss, BitsDoNotDependOnTheBatch) {
  auto loss = std::make_shared<SpanLoss>();
  for (const CpuIsa *isa : runnableIsas()) {
    KernelLibrary library({loss}, *isa);
    Spans data(5);
    const std::int64_t count = std::int64_t(data.lengths.size());
    Floats together(count);
    library.run(*loss,
                {data.logits.data(), data.offsets.data(), data.starts.data(), data.ends.data(),
                 together.data()},
                {count});
    for (std::int64_t s = 0; s < count; ++s) {
      Floats own(2 * data.lengths[s]), alone(1);
      std::copy(data.logits.data() + 2 * data.offsets[s],
                data.logits.data() + 2 * data.offsets[s + 1], own.data());
      Ints offsets{0, data.lengths[s]}, start{data.starts[s]}, end{data.ends[s]};
      library.run(*loss, {own.data(), offsets.data(), start.data(), end.data(), alone.data()},
                  {1});
      EXPECT_EQ(alone[0], together[s]) << s;
    }
  }
}

} // namespace
