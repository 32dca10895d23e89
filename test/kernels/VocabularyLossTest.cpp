// The chunked language-model loss against f64: odd sizes, chunks and tails, bits under any
// split of tasks, rows in company, accumulation.
#include "compiler/targets/cpu/kernels/VocabularyLoss.h"

#include "test/kernels/KernelHarness.h"
#include "test/kernels/ReferenceMath.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

using namespace ftc::cpu;
using namespace ftc::cpu::test;

namespace {

struct Sizes {
  std::int64_t hidden, vocabulary;
};
const std::vector<Sizes> sizes{{1, 1}, {5, 7}, {24, 120}, {37, 333}, {770, 41}};
const std::vector<std::int64_t> rowCounts{0, 1, 5, 48, 61, 131};

/// The kernels of one loss, and one run over all chunks.
class Loss {
public:
  Loss(Sizes sizes, const CpuIsa &isa, bool pairs = false) : isa(isa) {
    VocabularyShape shape;
    shape.pairs = pairs;
    shape.hidden = sizes.hidden;
    shape.vocabulary = sizes.vocabulary;
    shape.chunk = 48;
    shape.chunks = 3;
    logitsKernel->shape = rowsKernel->shape = gradKernel->shape = shape;
    backward->shape = plain->shape = sum->shape = shape;
    gradKernel->gradient = true;
    backward->weightGradient = true;
    biasedKernel->shape = shape;
    biasedKernel->bias = true;
    library = std::make_unique<KernelLibrary>(
        std::vector<KernelSpec>{logitsKernel, biasedKernel, rowsKernel, gradKernel, backward,
                                plain, sum},
        isa);
  }

  void run(Floats &x, Floats &weight, Ints &labels, Floats &losses, Floats *dx, Floats *dweight,
           std::int64_t accumulate, Split split, Floats *bias = nullptr) {
    const VocabularyShape &shape = sum->shape;
    std::int64_t rows = labels.size();
    Floats logits(shape.logitElements(isa)), partial(shape.partialElements(isa));
    for (std::int64_t first = 0; first < shape.chunks * shape.chunk; first += shape.chunk) {
      std::vector<std::int64_t> ints{rows, first};
      std::vector<void *> inputs{x.data(), weight.data(), logits.data()};
      if (bias)
        inputs.push_back(bias->data());
      library->run(bias ? *biasedKernel : *logitsKernel, inputs, ints, {}, split);
      library->run(
          dx ? *gradKernel : *rowsKernel, {logits.data(), labels.data(), losses.data()}, ints,
          dx ? std::vector<double>{smoothing, inverse} : std::vector<double>{smoothing}, split);
      if (!dx)
        continue;
      std::vector<void *> buffers{logits.data(), x.data(), weight.data(), partial.data()};
      if (dweight)
        buffers.push_back(dweight->data());
      ints.push_back(first > 0 ? 1 : accumulate);
      library->run(dweight ? *backward : *plain, buffers, ints, {}, split);
      library->run(*sum, {partial.data(), dx->data()}, {rows, first}, {}, split);
      ASSERT_TRUE(logits.intact() && partial.intact());
    }
  }

  const CpuIsa &isa;
  double smoothing = 0.1, inverse = 0.25;

private:
  std::shared_ptr<VocabularyLogits> logitsKernel = std::make_shared<VocabularyLogits>(),
                                    biasedKernel = std::make_shared<VocabularyLogits>();
  std::shared_ptr<VocabularyRows> rowsKernel = std::make_shared<VocabularyRows>(),
                                  gradKernel = std::make_shared<VocabularyRows>();
  std::shared_ptr<VocabularyBackward> backward = std::make_shared<VocabularyBackward>(),
                                      plain = std::make_shared<VocabularyBackward>();
  std::shared_ptr<VocabularySum> sum = std::make_shared<VocabularySum>();
  std::unique_ptr<KernelLibrary> library;
};

Ints makeLabels(std::int64_t rows, std::int64_t vocabulary) {
  Ints labels(rows);
  for (std::int64_t r = 0; r < rows; ++r)
    labels[r] = r % 7 == 3 ? -100 : static_cast<std::int32_t>(r * 5 % vocabulary);
  return labels;
}

struct Expected {
  std::vector<double> losses, dx, dweight;
};

/// With `pairs` the gradient of a logit is rounded to bf16 before it is multiplied.
Expected reference(const Floats &x, const Floats &weight, const Ints &labels, Sizes s,
                   double smoothing, double inverse, const Floats *bias = nullptr,
                   bool pairs = false) {
  std::int64_t rows = labels.size(), H = s.hidden, V = s.vocabulary;
  Expected e{std::vector<double>(rows), std::vector<double>(rows * H),
             std::vector<double>(V * H)};
  for (std::int64_t r = 0; r < rows; ++r) {
    if (labels[r] == -100)
      continue;
    std::vector<double> logits(V);
    for (std::int64_t v = 0; bias && v < V; ++v)
      logits[v] = (*bias)[v];
    for (std::int64_t v = 0; v < V; ++v)
      for (std::int64_t k = 0; k < H; ++k)
        logits[v] += double(x[r * H + k]) * weight[v * H + k];
    double top = *std::max_element(logits.begin(), logits.end()), total = 0, mean = 0;
    for (double logit : logits)
      total += std::exp(logit - top);
    double lse = top + std::log(total);
    for (double logit : logits)
      mean += (lse - logit) / V;
    e.losses[r] = (1 - smoothing) * (lse - logits[labels[r]]) + smoothing * mean;
    for (std::int64_t v = 0; v < V; ++v) {
      double slope = inverse * (std::exp(logits[v] - lse) - smoothing / V -
                                (v == labels[r] ? 1 - smoothing : 0));
      if (pairs)
        slope = roundedToBf16(static_cast<float>(slope));
      for (std::int64_t k = 0; k < H; ++k) {
        e.dx[r * H + k] += slope * weight[v * H + k];
        e.dweight[v * H + k] += slope * x[r * H + k];
      }
    }
  }
  return e;
}

/// A slope that lies beside the middle of two bf16 may be rounded the other way: 2^-8 of one
/// term.
void expectNearInPairs(const Floats &got, const std::vector<double> &expected,
                       const char *what) {
  double scale = 1e-3;
  for (double value : expected)
    scale = std::max(scale, std::abs(value));
  for (std::size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(got[i], expected[i], 1e-3 * scale) << what << " " << i;
}

/// Logits here are below 6 in size and sums below 2000 terms: rounding stays within 2e-4 of
/// the largest value; a wrong row, chunk or label is off by 1e-2 at least.
void expectNear(const Floats &got, const std::vector<double> &expected, const char *what) {
  double scale = 1e-3;
  for (double value : expected)
    scale = std::max(scale, std::abs(value));
  for (std::size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(got[i], expected[i], 2e-4 * scale) << what << " " << i;
}

} // namespace

TEST(VocabularyLoss, MatchesReferenceInChunksOfAnySize) {
  for (const CpuIsa *isa : runnableIsas())
    for (Sizes s : sizes) {
      Loss loss(s, *isa);
      for (std::int64_t rows : rowCounts) {
        SCOPED_TRACE(isa->suffix + " " + std::to_string(s.hidden) + "x" +
                     std::to_string(s.vocabulary) + " rows " + std::to_string(rows));
        float scale = 1.0f / std::sqrt(float(s.hidden));
        Floats x = randomFloats(rows * s.hidden, 1, 4),
               weight = randomFloats(s.vocabulary * s.hidden, 2, scale);
        Ints labels = makeLabels(rows, s.vocabulary);
        Expected expected = reference(x, weight, labels, s, loss.smoothing, loss.inverse);
        Floats losses(rows), again(rows), dx(rows * s.hidden), dw(s.vocabulary * s.hidden);
        std::fill_n(dw.data(), dw.size(), NAN); // overwritten, even without rows
        loss.run(x, weight, labels, losses, &dx, &dw, 0, Split::Whole);
        expectNear(losses, expected.losses, "loss");
        expectNear(dx, expected.dx, "dx");
        expectNear(dw, expected.dweight, "dweight");
        ASSERT_TRUE(losses.intact() && dx.intact() && dw.intact());

        loss.run(x, weight, labels, again, nullptr, nullptr, 0, Split::Whole);
        ASSERT_TRUE(losses == again) << "forward alone";
        Floats dx2(dx.size()), dw2(dw.size());
        loss.run(x, weight, labels, again, &dx2, &dw2, 0, Split::Pieces);
        ASSERT_TRUE(losses == again && dx == dx2 && dw == dw2) << "split changes bits";
        Floats dx3(dx.size());
        loss.run(x, weight, labels, again, &dx3, nullptr, 0, Split::Whole);
        ASSERT_TRUE(dx == dx3) << "frozen table";

        std::vector<double> doubled = expected.dweight;
        for (double &value : doubled)
          value *= 2;
        loss.run(x, weight, labels, again, &dx, &dw, 1, Split::Whole);
        expectNear(dw, doubled, "accumulated dweight");
      }
    }
}

TEST(VocabularyLoss, BiasIsAddedToTheLogits) {
  for (const CpuIsa *isa : runnableIsas())
    for (Sizes s : sizes) {
      SCOPED_TRACE(isa->suffix + " " + std::to_string(s.hidden) + "x" +
                   std::to_string(s.vocabulary));
      Loss loss(s, *isa);
      const std::int64_t rows = 61;
      Floats x = randomFloats(rows * s.hidden, 1, 4), bias = randomFloats(s.vocabulary, 5, 3);
      Floats weight =
          randomFloats(s.vocabulary * s.hidden, 2, 1.0f / std::sqrt(float(s.hidden)));
      Ints labels = makeLabels(rows, s.vocabulary);
      Expected expected =
          reference(x, weight, labels, s, loss.smoothing, loss.inverse, &bias);
      Floats losses(rows), again(rows), dx(rows * s.hidden), dx2(rows * s.hidden);
      Floats dw(s.vocabulary * s.hidden), dw2(s.vocabulary * s.hidden);
      loss.run(x, weight, labels, losses, &dx, &dw, 0, Split::Whole, &bias);
      expectNear(losses, expected.losses, "loss");
      expectNear(dx, expected.dx, "dx");
      expectNear(dw, expected.dweight, "dweight");
      loss.run(x, weight, labels, again, &dx2, &dw2, 0, Split::Pieces, &bias);
      ASSERT_TRUE(losses == again && dx == dx2 && dw == dw2) << "split changes bits";
    }
}

TEST(VocabularyLoss, ARowsLossDoesNotDependOnCompany) {
  for (const CpuIsa *isa : runnableIsas()) {
    Sizes s{37, 333};
    Loss loss(s, *isa);
    const std::int64_t rows = 131;
    Floats x = randomFloats(rows * s.hidden, 1),
           weight = randomFloats(s.vocabulary * s.hidden, 2);
    Ints labels = makeLabels(rows, s.vocabulary);
    Floats losses(rows);
    loss.run(x, weight, labels, losses, nullptr, nullptr, 0, Split::Whole);
    for (std::int64_t r : {0, 5, 47, 48, 100, 130}) {
      Floats one(s.hidden), alone(1);
      std::copy_n(x.data() + r * s.hidden, s.hidden, one.data());
      Ints label{labels[r]};
      loss.run(one, weight, label, alone, nullptr, nullptr, 0, Split::Whole);
      ASSERT_EQ(alone[0], losses[r]) << isa->suffix << " row " << r;
    }
  }
}

TEST(VocabularyLoss, ChunkKeepsLogitsSmall) {
  EXPECT_EQ(VocabularyShape::chooseChunk(4096, 50257), 288);
  EXPECT_EQ(VocabularyShape::chooseChunk(4096, 250002), 48);
  EXPECT_EQ(VocabularyShape::chooseChunk(4096, 1000), 384);
  EXPECT_EQ(VocabularyShape::chooseChunk(10, 1000), 48);
}

TEST(VocabularyLogits, DenseRowsOfAnyNumber) {
  for (const CpuIsa *isa : runnableIsas())
    for (auto [s, biased] : {std::pair(sizes[0], false), {sizes[1], true}, {sizes[2], true},
                             {sizes[3], false}, {sizes[4], true}, {sizes[4], false}}) {
      auto kernel = std::make_shared<VocabularyLogits>();
      kernel->dense = true;
      kernel->bias = biased;
      kernel->shape.hidden = s.hidden;
      kernel->shape.vocabulary = s.vocabulary;
      KernelLibrary library({kernel}, *isa);
      for (std::int64_t rows : rowCounts) {
        SCOPED_TRACE(isa->suffix + " " + std::to_string(s.hidden) + "x" +
                     std::to_string(s.vocabulary) + " rows " + std::to_string(rows));
        Floats x = randomFloats(rows * s.hidden, 1, 4),
               weight = randomFloats(s.vocabulary * s.hidden, 2),
               bias = randomFloats(s.vocabulary, 3, 3);
        Floats logits(rows * s.vocabulary), pieces(rows * s.vocabulary);
        auto run = [&](float *from, std::int64_t count, float *to, Split split) {
          std::vector<void *> buffers{from, weight.data(), to};
          if (biased)
            buffers.push_back(bias.data());
          library.run(*kernel, buffers, {count}, {}, split);
        };
        run(x.data(), rows, logits.data(), Split::Whole);
        run(x.data(), rows, pieces.data(), Split::Pieces);
        ASSERT_TRUE(logits.intact() && logits == pieces);
        std::vector<double> expected(rows * s.vocabulary);
        for (std::int64_t r = 0; r < rows; ++r)
          for (std::int64_t v = 0; v < s.vocabulary; ++v) {
            expected[r * s.vocabulary + v] = biased ? bias[v] : 0;
            for (std::int64_t k = 0; k < s.hidden; ++k)
              expected[r * s.vocabulary + v] +=
                  double(x[r * s.hidden + k]) * weight[v * s.hidden + k];
          }
        expectNear(logits, expected, "logits");
        // The last row alone has the same bits.
        if (rows == 0)
          continue;
        Floats alone(s.vocabulary);
        run(x.data() + (rows - 1) * s.hidden, 1, alone.data(), Split::Whole);
        ASSERT_TRUE(std::equal(alone.data(), alone.data() + s.vocabulary,
                               logits.data() + (rows - 1) * s.vocabulary));
      }
    }
}

TEST(VocabularyLoss, PairsMatchReferenceOfRoundedFactors) {
  const CpuIsa &isa = isaV4Bf16();
  if (!canRun(isa))
    GTEST_SKIP() << "this CPU has no AVX-512 BF16";
  for (Sizes s : sizes) {
    Loss loss(s, isa, /*pairs=*/true);
    for (std::int64_t rows : rowCounts) {
      Floats x = randomFloats(rows * s.hidden, 1, 1.0f / std::sqrt(float(s.hidden)));
      Floats weight = randomFloats(s.vocabulary * s.hidden, 2);
      Ints labels = makeLabels(rows, s.vocabulary);
      Floats losses(rows), again(rows), dx(rows * s.hidden), dxPlain(dx), dxAgain(dx);
      Floats before = randomFloats(s.vocabulary * s.hidden, 3), dweight(before),
             dweightAgain(before);
      loss.run(x, weight, labels, losses, &dx, &dweight, 1, Split::Whole);
      loss.run(x, weight, labels, again, &dxAgain, &dweightAgain, 1, Split::Pieces);
      ASSERT_TRUE(losses == again && dx == dxAgain && dweight == dweightAgain) << "split";
      ASSERT_TRUE(dx.intact() && dweight.intact() && losses.intact());
      loss.run(x, weight, labels, again, &dxPlain, nullptr, 0, Split::Whole);
      ASSERT_TRUE(dx == dxPlain) << "a frozen table's rows differ";
      Floats xs(x), ws(weight);
      for (std::size_t i = 0; i < xs.size(); ++i)
        xs[i] = roundedToBf16(xs[i]);
      for (std::size_t i = 0; i < ws.size(); ++i)
        ws[i] = roundedToBf16(ws[i]);
      Expected e = reference(xs, ws, labels, s, loss.smoothing, loss.inverse, nullptr, true);
      for (std::size_t i = 0; i < e.dweight.size(); ++i)
        e.dweight[i] += before[i];
      expectNear(losses, e.losses, "loss");
      expectNearInPairs(dx, e.dx, "dx");
      expectNearInPairs(dweight, e.dweight, "dweight");
    }
  }
}
