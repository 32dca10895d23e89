// Norms, embeddings, row moves and elementwise kernels against f64 references.
#include "compiler/targets/cpu/kernels/Elementwise.h"
#include "compiler/targets/cpu/kernels/Embedding.h"
#include "compiler/targets/cpu/kernels/LayerNorm.h"
#include "compiler/targets/cpu/kernels/RmsNorm.h"
#include "runtime/io/DType.h"
#include "test/kernels/KernelHarness.h"
#include "test/kernels/ReferenceMath.h"

#include <gtest/gtest.h>

using namespace ftc::cpu;
using namespace ftc::cpu::test;

namespace {

const std::vector<std::int64_t> rowCounts{0, 1, 3, 37, 130};
const std::vector<std::int64_t> widths{1, 7, 8, 33, 65, 384};
const unsigned seed = 5, step = 9, opId = 1234;

/// Row arrays as a packed batch has them: rows of several sequences.
struct RowArrays {
  explicit RowArrays(std::int64_t rows) : sequence(rows), position(rows) {
    for (std::int64_t r = 0; r < rows; ++r)
      sequence[r] = int(r / 11), position[r] = int(r % 11);
  }
  double factor(double p, std::int64_t row, std::int64_t channel) const {
    return p == 0
               ? 1
               : dropoutFactor(p, seed, step, opId, 0, sequence[row], position[row], channel);
  }
  Ints sequence, position;
};

struct NormReference {
  std::vector<double> y, mean, rstd;
};

NormReference norm(const std::vector<double> &s, const Floats &gamma, const Floats &beta,
                   double eps, std::int64_t rows, std::int64_t hidden) {
  NormReference result{s, std::vector<double>(rows), std::vector<double>(rows)};
  for (std::int64_t r = 0; r < rows; ++r) {
    double mean = 0, variance = 0;
    for (std::int64_t c = 0; c < hidden; ++c)
      mean += s[r * hidden + c] / hidden;
    for (std::int64_t c = 0; c < hidden; ++c)
      variance += std::pow(s[r * hidden + c] - mean, 2) / hidden;
    result.mean[r] = mean, result.rstd[r] = 1 / std::sqrt(variance + eps);
    for (std::int64_t c = 0; c < hidden; ++c)
      result.y[r * hidden + c] =
          (s[r * hidden + c] - mean) * result.rstd[r] * gamma[c] + beta[c];
  }
  return result;
}

} // namespace

TEST(LayerNorm, ForwardAndBackwardMatchReference) {
  const double eps = 1e-3; // large enough that rows of one element stay well conditioned
  for (const CpuIsa *isa : runnableIsas())
    for (std::int64_t hidden : widths)
      for (bool residual : {false, true}) {
        auto forward = std::make_shared<LayerNorm>();
        auto backward = std::make_shared<LayerNormGrad>();
        auto finalize = std::make_shared<LayerNormGradFinalize>();
        forward->hidden = backward->hidden = finalize->hidden = hidden;
        forward->eps = eps;
        forward->residual = backward->residual = residual;
        KernelLibrary library({forward, backward, finalize}, *isa);
        for (std::int64_t rows : rowCounts)
          for (double p : {0.0, 0.25}) {
            if (!residual && p != 0)
              continue;
            std::string key = forward->key(*isa) + " M=" + std::to_string(rows);
            std::int64_t n = rows * hidden;
            RowArrays arrays(rows);
            Floats x = randomFloats(n, 1), other = randomFloats(n, 2);
            Floats gamma = randomFloats(hidden, 3), beta = randomFloats(hidden, 4);
            Floats dy = randomFloats(n, 5);
            std::vector<double> s(n);
            for (std::int64_t i = 0; i < n; ++i)
              s[i] =
                  residual ? other[i] + x[i] * arrays.factor(p, i / hidden, i % hidden) : x[i];
            NormReference expected = norm(s, gamma, beta, eps, rows, hidden);

            Floats sums[2], y[2], means[2], rstds[2], dx[2], dropped[2], dgamma[2], dbeta[2];
            Floats gammaBefore = randomFloats(hidden, 6), betaBefore = randomFloats(hidden, 7);
            for (int split = 0; split < 2; ++split) {
              Split how = split ? Split::Pieces : Split::Whole;
              sums[split] = Floats(n), y[split] = Floats(n), dx[split] = Floats(n);
              dropped[split] = Floats(n), means[split] = Floats(rows),
              rstds[split] = Floats(rows);
              dgamma[split] = gammaBefore, dbeta[split] = betaBefore;
              Floats partial = randomFloats(backward->partialElements(rows), 8);
              std::vector<std::int64_t> ints{rows};
              std::vector<double> scalars;
              std::vector<void *> in{x.data(),        gamma.data(),        beta.data(),
                                     y[split].data(), means[split].data(), rstds[split].data()};
              std::vector<void *> back{dy.data(),           x.data(),     means[split].data(),
                                       rstds[split].data(), gamma.data(), dx[split].data(),
                                       partial.data()};
              if (residual) {
                ints = {rows, seed, step, opId}, scalars = {p};
                in = {x.data(),
                      other.data(),
                      arrays.sequence.data(),
                      arrays.position.data(),
                      gamma.data(),
                      beta.data(),
                      sums[split].data(),
                      y[split].data(),
                      means[split].data(),
                      rstds[split].data()};
                back = {dy.data(),
                        sums[split].data(),
                        means[split].data(),
                        rstds[split].data(),
                        gamma.data(),
                        arrays.sequence.data(),
                        arrays.position.data(),
                        dx[split].data(),
                        dropped[split].data(),
                        partial.data()};
              }
              library.run(*forward, in, ints, scalars, how);
              library.run(*backward, back, ints, scalars, how);
              library.run(*finalize,
                          {partial.data(), dgamma[split].data(), dbeta[split].data()},
                          {rows, split}, {}, how);
              ASSERT_TRUE(y[split].intact() && dx[split].intact() && partial.intact());
              ASSERT_TRUE(dgamma[split].intact() && dbeta[split].intact()) << key;
            }
            ASSERT_TRUE(y[0] == y[1] && dx[0] == dx[1] && dropped[0] == dropped[1]) << key;
            // Rows are normalized to size 1: errors of some ulp, times rstd for rounded sums.
            for (std::int64_t i = 0; i < n; ++i) {
              double rstd = expected.rstd[i / hidden];
              ASSERT_NEAR(y[0][i], expected.y[i], 1e-6 * (2 + rstd)) << key;
            }
            std::vector<double> gammaSum(hidden), betaSum(hidden);
            for (std::int64_t r = 0; r < rows; ++r) {
              double shift = 0, slope = 0, rstd = expected.rstd[r];
              auto normal = [&](std::int64_t c) {
                return (s[r * hidden + c] - expected.mean[r]) * rstd;
              };
              for (std::int64_t c = 0; c < hidden; ++c) {
                double g = double(dy[r * hidden + c]) * gamma[c];
                shift += g / hidden, slope += g * normal(c) / hidden;
                gammaSum[c] += dy[r * hidden + c] * normal(c), betaSum[c] += dy[r * hidden + c];
              }
              for (std::int64_t c = 0; c < hidden; ++c) {
                std::int64_t i = r * hidden + c;
                double g = double(dy[i]) * gamma[c];
                double exact = rstd * (g - shift - normal(c) * slope);
                ASSERT_NEAR(dx[0][i], exact, 2e-6 * rstd * (2 + rstd)) << key;
                if (residual)
                  ASSERT_NEAR(dropped[0][i], dx[0][i] * arrays.factor(p, r, c),
                              1e-6 * std::abs(exact) + 1e-12)
                      << key;
              }
            }
            for (std::int64_t c = 0; c < hidden; ++c) {
              double bound = 1e-5 * (1 + rows);
              ASSERT_NEAR(dgamma[0][c], gammaSum[c], bound) << key;
              ASSERT_NEAR(dbeta[0][c], betaSum[c], bound) << key;
              ASSERT_NEAR(dgamma[1][c], gammaBefore[c] + gammaSum[c], bound) << key;
              ASSERT_NEAR(dbeta[1][c], betaBefore[c] + betaSum[c], bound) << key;
            }
          }
      }
}

TEST(LayerNorm, RowBitsDontDependOnCompany) {
  for (const CpuIsa *isa : runnableIsas()) {
    auto spec = std::make_shared<LayerNorm>();
    spec->hidden = 65;
    KernelLibrary library({spec}, *isa);
    Floats x = randomFloats(40 * 65, 1), gamma = randomFloats(65, 2),
           beta = randomFloats(65, 3);
    Floats y(40 * 65), means(40), rstds(40), alone(65), mean(1), rstd(1);
    library.run(*spec,
                {x.data(), gamma.data(), beta.data(), y.data(), means.data(), rstds.data()},
                {40});
    for (int r = 0; r < 40; ++r) {
      library.run(*spec,
                  {x.data() + r * 65, gamma.data(), beta.data(), alone.data(), mean.data(),
                   rstd.data()},
                  {1});
      ASSERT_EQ(0, std::memcmp(alone.data(), y.data() + r * 65, 4 * 65));
    }
  }
}

TEST(Dropout, IsExactlyTheDocumentedMask) {
  for (const CpuIsa *isa : runnableIsas())
    for (std::int64_t hidden : widths) {
      auto spec = std::make_shared<Dropout>();
      spec->hidden = hidden;
      KernelLibrary library({spec}, *isa);
      for (std::int64_t rows : rowCounts)
        for (double p : {0.0, 0.1, 0.5}) {
          RowArrays arrays(rows);
          Floats x = randomFloats(rows * hidden, 1), y(rows * hidden);
          library.run(*spec,
                      {x.data(), arrays.sequence.data(), arrays.position.data(), y.data()},
                      {rows, seed, step, opId}, {p}, Split::Pieces);
          ASSERT_TRUE(y.intact());
          for (std::int64_t i = 0; i < rows * hidden; ++i) {
            float factor = float(arrays.factor(p, i / hidden, i % hidden));
            ASSERT_EQ(y[i], x[i] * factor) << spec->key(*isa) << " element " << i;
          }
        }
    }
}

TEST(Activation, ForwardAndSlopeMatchReferenceOverTheWholeRange) {
  for (const CpuIsa *isa : runnableIsas())
    for (Activation act : {Activation::Gelu, Activation::GeluTanh, Activation::Relu,
                           Activation::Tanh, Activation::Silu}) {
      auto forward = std::make_shared<ActivationForward>();
      auto backward = std::make_shared<ActivationGrad>();
      forward->act = backward->act = act;
      auto narrow = std::make_shared<ActivationForward>(*forward);
      narrow->result = Elem::BF16;
      KernelLibrary library({forward, backward, narrow}, *isa);
      std::int64_t n = 20001;
      Floats x(n), y(n), again(n), dy = randomFloats(n, 3), dx(n), halves((n + 1) / 2);
      for (std::int64_t i = 0; i < n; ++i)
        x[i] = float((i - n / 2) * 1e-3 + 1.7e-4);
      x[0] = -1e30f, x[1] = 1e30f, x[2] = 1e-20f;
      library.run(*forward, {x.data(), y.data()}, {n});
      library.run(*forward, {x.data(), again.data()}, {n}, {}, Split::Pieces);
      library.run(*backward, {dy.data(), x.data(), dx.data()}, {n}, {}, Split::Pieces);
      library.run(*narrow, {x.data(), halves.data()}, {n}, {}, Split::Pieces);
      ASSERT_TRUE(y.intact() && dx.intact() && halves.intact() && y == again);
      for (std::int64_t i = 0; i < n; ++i)
        ASSERT_EQ(bf16At(halves, i), toBf16(y[i])) << activationName(act) << "(" << x[i] << ")";
      for (std::int64_t i = 3; i < n; ++i) {
        double exact = activation(act, x[i]);
        ASSERT_NEAR(y[i], exact,
                    3e-7 * std::abs(exact) + activationError(act, *isa) * std::abs(x[i]) + 1e-9)
            << activationName(act) << "(" << x[i] << ")";
        ASSERT_NEAR(dx[i], dy[i] * activationSlope(act, x[i]), slopeError(act, *isa))
            << activationName(act);
      }
      ASSERT_NEAR(y[0], act == Activation::Tanh ? -1 : 0, 1e-6);
      ASSERT_EQ(y[1], act == Activation::Tanh ? 1 : 1e30f);
      ASSERT_NEAR(y[2], activation(act, 1e-20), 1e-26);
      Floats bad{NAN}, result{0};
      library.run(*forward, {bad.data(), result.data()}, {1});
      ASSERT_TRUE(std::isnan(result[0])) << activationName(act) << " hides NaN";
      library.run(*narrow, {bad.data(), result.data()}, {1});
      ASSERT_EQ(bf16At(result, 0), 0x7fff) << activationName(act) << " hides NaN in bf16";
    }
}

TEST(Gated, ForwardAndGradientsMatchReference) {
  for (const CpuIsa *isa : runnableIsas())
    for (Activation act : {Activation::None, Activation::Silu, Activation::Gelu}) {
      auto forward = std::make_shared<Gated>();
      auto backward = std::make_shared<GatedGrad>();
      forward->act = backward->act = act;
      auto narrow = std::make_shared<Gated>(*forward);
      narrow->result = Elem::BF16;
      KernelLibrary library({forward, backward, narrow}, *isa);
      for (std::int64_t n : {0, 1, 37, 20001}) {
        Floats gate = randomFloats(n, 1, 6), up = randomFloats(n, 2), dy = randomFloats(n, 3);
        Floats y(n), dgate(n), dup(n), halves((n + 1) / 2);
        library.run(*forward, {gate.data(), up.data(), y.data()}, {n}, {}, Split::Pieces);
        library.run(*narrow, {gate.data(), up.data(), halves.data()}, {n}, {}, Split::Pieces);
        library.run(*backward, {dy.data(), gate.data(), up.data(), dgate.data(), dup.data()},
                    {n}, {}, Split::Pieces);
        ASSERT_TRUE(y.intact() && dgate.intact() && dup.intact() && halves.intact());
        for (std::int64_t i = 0; i < n; ++i) {
          ASSERT_EQ(bf16At(halves, i), toBf16(y[i])) << activationName(act);
          double opened = activation(act, gate[i]);
          double error = 1e-6 + activationError(act, *isa) * std::abs(gate[i]);
          ASSERT_NEAR(y[i], opened * up[i], error) << activationName(act);
          ASSERT_NEAR(dup[i], dy[i] * opened, error) << activationName(act);
          ASSERT_NEAR(dgate[i], dy[i] * up[i] * activationSlope(act, gate[i]),
                      1e-6 + slopeError(act, *isa));
        }
      }
    }
}

TEST(RmsNorm, ForwardAndBackwardMatchReference) {
  const double eps = 1e-3;
  for (const CpuIsa *isa : runnableIsas())
    for (std::int64_t hidden : widths) {
      auto forward = std::make_shared<RmsNorm>();
      auto backward = std::make_shared<RmsNormGrad>();
      auto finalize = std::make_shared<RmsNormGradFinalize>();
      forward->hidden = backward->hidden = finalize->hidden = hidden;
      forward->eps = eps;
      KernelLibrary library({forward, backward, finalize}, *isa);
      for (std::int64_t rows : rowCounts) {
        std::string key = forward->key(*isa) + " M=" + std::to_string(rows);
        std::int64_t n = rows * hidden;
        Floats x = randomFloats(n, 1), gamma = randomFloats(hidden, 2), dy = randomFloats(n, 3);
        Floats y[2], dx[2], dgamma[2], before = randomFloats(hidden, 4);
        for (int split = 0; split < 2; ++split) {
          Split how = split ? Split::Pieces : Split::Whole;
          y[split] = Floats(n), dx[split] = Floats(n), dgamma[split] = before;
          Floats rstd(rows), partial = randomFloats(backward->partialElements(rows), 5);
          library.run(*forward, {x.data(), gamma.data(), y[split].data(), rstd.data()}, {rows},
                      {}, how);
          library.run(*backward,
                      {dy.data(), x.data(), rstd.data(), gamma.data(), dx[split].data(),
                       partial.data()},
                      {rows}, {}, how);
          library.run(*finalize, {partial.data(), dgamma[split].data()}, {rows, split}, {},
                      how);
          ASSERT_TRUE(y[split].intact() && rstd.intact() && dx[split].intact()) << key;
          ASSERT_TRUE(partial.intact() && dgamma[split].intact()) << key;
        }
        ASSERT_TRUE(y[0] == y[1] && dx[0] == dx[1]) << key;
        std::vector<double> gradient(hidden);
        for (std::int64_t r = 0; r < rows; ++r) {
          double squares = 0, dot = 0;
          for (std::int64_t c = 0; c < hidden; ++c)
            squares += std::pow(double(x[r * hidden + c]), 2) / hidden;
          double scale = 1 / std::sqrt(squares + eps);
          auto h = [&](std::int64_t c) { return x[r * hidden + c] * scale; };
          for (std::int64_t c = 0; c < hidden; ++c) {
            dot += dy[r * hidden + c] * gamma[c] * h(c) / hidden;
            gradient[c] += dy[r * hidden + c] * h(c);
          }
          for (std::int64_t c = 0; c < hidden; ++c) {
            double exact = scale * (dy[r * hidden + c] * gamma[c] - h(c) * dot);
            ASSERT_NEAR(y[0][r * hidden + c], h(c) * gamma[c], 3e-6) << key;
            ASSERT_NEAR(dx[0][r * hidden + c], exact, 1e-5 * (1 + std::abs(exact))) << key;
          }
        }
        for (std::int64_t c = 0; c < hidden; ++c) {
          ASSERT_NEAR(dgamma[0][c], gradient[c], 3e-5) << key;
          ASSERT_NEAR(dgamma[1][c], before[c] + gradient[c], 3e-5) << key;
        }
        // A row alone has the bits it has among others.
        if (rows < 2)
          continue;
        Floats alone(hidden), rstd(1);
        library.run(*forward, {x.data() + hidden, gamma.data(), alone.data(), rstd.data()},
                    {1});
        ASSERT_EQ(0, std::memcmp(alone.data(), y[0].data() + hidden, 4 * hidden)) << key;
      }
    }
}

TEST(LayerNorm, WithoutBias) {
  for (const CpuIsa *isa : runnableIsas())
    for (std::int64_t hidden : {7, 65}) {
      auto forward = std::make_shared<LayerNorm>();
      auto backward = std::make_shared<LayerNormGrad>();
      auto finalize = std::make_shared<LayerNormGradFinalize>();
      forward->hidden = backward->hidden = finalize->hidden = hidden;
      forward->bias = finalize->bias = false;
      forward->eps = 1e-5;
      KernelLibrary library({forward, backward, finalize}, *isa);
      const std::int64_t rows = 70, n = rows * hidden;
      Floats x = randomFloats(n, 1), gamma = randomFloats(hidden, 2), dy = randomFloats(n, 3);
      Floats y(n), mean(rows), rstd(rows), dx(n), dgamma = randomFloats(hidden, 4);
      Floats partial = randomFloats(backward->partialElements(rows), 5);
      NormReference expected =
          norm({x.data(), x.data() + n}, gamma, Floats(hidden), 1e-5, rows, hidden);
      library.run(*forward, {x.data(), gamma.data(), y.data(), mean.data(), rstd.data()},
                  {rows});
      library.run(*backward,
                  {dy.data(), x.data(), mean.data(), rstd.data(), gamma.data(), dx.data(),
                   partial.data()},
                  {rows});
      library.run(*finalize, {partial.data(), dgamma.data()}, {rows, 0}, {}, Split::Pieces);
      ASSERT_TRUE(y.intact() && dgamma.intact());
      for (std::int64_t i = 0; i < n; ++i)
        ASSERT_NEAR(y[i], expected.y[i], 1e-5) << forward->key(*isa);
      for (std::int64_t c = 0; c < hidden; ++c) {
        double sum = 0;
        for (std::int64_t r = 0; r < rows; ++r)
          sum += dy[r * hidden + c] * (x[r * hidden + c] - expected.mean[r]) * expected.rstd[r];
        ASSERT_NEAR(dgamma[c], sum, 3e-5) << forward->key(*isa);
      }
    }
}

TEST(Rows, ScaleIsOneRounding) {
  for (const CpuIsa *isa : runnableIsas())
    for (double factor : {2.0, 10.0 / 3, -0.125}) {
      auto scale = std::make_shared<Scale>();
      scale->factor = factor;
      KernelLibrary library({scale}, *isa);
      for (std::int64_t n : {0, 1, 19, 20000}) {
        Floats x = randomFloats(n, 1), y = x;
        library.run(*scale, {y.data(), y.data()}, {n}, {}, Split::Pieces);
        ASSERT_TRUE(y.intact());
        for (std::int64_t i = 0; i < n; ++i)
          ASSERT_EQ(y[i], x[i] * static_cast<float>(factor));
      }
    }
}

/// Tables of each type, side by side.
TEST(Rows, SixteenBitTablesGiveTheBitsOfTheirF32) {
  for (const CpuIsa *isa : runnableIsas())
    for (std::int64_t hidden : {5, 60, 128}) {
      auto wide = std::make_shared<EmbeddingSum>();
      wide->hidden = hidden, wide->tables = 3;
      auto mixed = std::make_shared<EmbeddingSum>(*wide);
      mixed->types = {Elem::BF16, Elem::F32, Elem::F16};
      KernelLibrary library({wide, mixed}, *isa);
      std::int64_t rows = 18, size = 9 * hidden;
      Buffer<std::uint16_t> first(size), third(size);
      Floats wideFirst(size), second = randomFloats(size, 2), wideThird(size);
      std::mt19937 random(3);
      for (std::int64_t i = 0; i < size; ++i) {
        first[i] = 0x3F80 ^ (random() & 0x80FF);
        third[i] = random() & 0xBFFF;
        wideFirst[i] = ftc::rt::bfloat16ToFloat(first[i]);
        wideThird[i] = ftc::rt::halfToFloat(third[i]);
      }
      Ints ids(rows);
      for (std::int64_t r = 0; r < rows; ++r)
        ids[r] = int(r * 7 % 9);
      Floats a(rows * hidden), b(rows * hidden);
      library.run(*wide,
                  {wideFirst.data(), ids.data(), second.data(), ids.data(), wideThird.data(),
                   ids.data(), a.data()},
                  {rows});
      library.run(*mixed,
                  {first.data(), ids.data(), second.data(), ids.data(), third.data(),
                   ids.data(), b.data()},
                  {rows}, {}, Split::Pieces);
      ASSERT_TRUE(a == b && b.intact()) << mixed->key(*isa);
    }
}

TEST(Rows, AddGatherScatterEmbed) {
  for (const CpuIsa *isa : runnableIsas())
    for (std::int64_t hidden : widths) {
      auto add = std::make_shared<Add>();
      auto gather = std::make_shared<GatherRows>();
      auto place = std::make_shared<ScatterRows>(),
           scatterAdd = std::make_shared<ScatterRows>();
      auto embed = std::make_shared<EmbeddingSum>(),
           embedOne = std::make_shared<EmbeddingSum>();
      auto embedGrad = std::make_shared<EmbeddingGrad>(),
           padded = std::make_shared<EmbeddingGrad>(), compact = std::make_shared<EmbeddingGrad>();
      padded->hidden = compact->hidden = hidden, padded->padding = compact->padding = 4;
      compact->compact = true;
      gather->hidden = place->hidden = scatterAdd->hidden = hidden;
      embed->hidden = embedOne->hidden = embedGrad->hidden = hidden;
      scatterAdd->add = true, embed->tables = 3;
      KernelLibrary library(
          {add, gather, place, scatterAdd, embed, embedOne, embedGrad, padded, compact}, *isa);
      for (std::int64_t rows : {0, 1, 18, 37}) {
        std::int64_t n = rows * hidden, big = 50 * hidden;
        Floats x = randomFloats(n, 1), other = randomFloats(n, 2), y(n);
        // In place, so that an element added twice would show.
        y = x;
        library.run(*add, {y.data(), other.data(), y.data()}, {n}, {}, Split::Pieces);
        for (std::int64_t i = 0; i < n; ++i)
          ASSERT_EQ(y[i], x[i] + other[i]);
        // Distinct rows of a table of 50.
        Ints index(rows), types(rows), positions(rows);
        for (std::int64_t r = 0; r < rows; ++r)
          index[r] = int(r * 7 % 50), types[r] = int(r % 2), positions[r] = int(r % 13);
        Floats table = randomFloats(big, 3), type = randomFloats(2 * hidden, 4);
        Floats position = randomFloats(13 * hidden, 5), placed = table, added = table, sum(n);
        library.run(*gather, {table.data(), index.data(), y.data()}, {rows}, {}, Split::Pieces);
        library.run(*place, {x.data(), index.data(), placed.data()}, {rows}, {}, Split::Pieces);
        library.run(*scatterAdd, {x.data(), index.data(), added.data()}, {rows}, {},
                    Split::Pieces);
        library.run(*embed,
                    {table.data(), index.data(), position.data(), positions.data(), type.data(),
                     types.data(), sum.data()},
                    {rows}, {}, Split::Pieces);
        ASSERT_TRUE(y.intact() && placed.intact() && added.intact() && sum.intact());
        Floats placedExpected = table, addedExpected = table;
        for (std::int64_t i = 0; i < n; ++i) {
          std::int64_t r = i / hidden, c = i % hidden, at = index[r] * hidden + c;
          ASSERT_EQ(y[i], table[at]);
          placedExpected[at] = x[i], addedExpected[at] += x[i];
          ASSERT_EQ(sum[i], table[at] + position[positions[r] * hidden + c] +
                                type[types[r] * hidden + c]);
        }
        ASSERT_TRUE(placed == placedExpected && added == addedExpected);
        library.run(*embedOne, {table.data(), index.data(), sum.data()}, {rows});
        ASSERT_TRUE(sum == y);
      }
      // Three rows of the table with 1, 0 and 9 tokens, in a stated order.
      Floats dy = randomFloats(10 * hidden, 6), gradient = randomFloats(5 * hidden, 7);
      Floats expected = gradient, apart = gradient, before = gradient;
      Ints order{4, 9, 2, 3, 0, 1, 8, 7, 6, 5}, segments{0, 1, 1, 10}, rows{3, 0, 4};
      for (int u = 0; u < 3; ++u)
        for (std::int64_t c = 0; c < hidden; ++c) {
          float sum = 0;
          for (int j = segments[u]; j < segments[u + 1]; ++j)
            sum += dy[order[j] * hidden + c];
          expected[rows[u] * hidden + c] += sum;
        }
      library.run(*embedGrad,
                  {dy.data(), order.data(), segments.data(), rows.data(), gradient.data()}, {3},
                  {}, Split::Pieces);
      ASSERT_TRUE(gradient.intact());
      ASSERT_TRUE(gradient == expected) << embedGrad->key(*isa);
      library.run(*padded,
                  {dy.data(), order.data(), segments.data(), rows.data(), apart.data()}, {3}, {},
                  Split::Pieces);
      std::copy_n(before.data() + 4 * hidden, hidden, expected.data() + 4 * hidden);
      ASSERT_TRUE(apart.intact());
      ASSERT_TRUE(apart == expected) << padded->key(*isa);
      // Rows 3, 0 and 4 as rows 2, 0 and 1 of a compact gradient.
      Ints slots{0, -1, -1, 2, 1};
      Floats small(3 * hidden), smallExpected(3 * hidden);
      for (int row : {0, 3, 4}) {
        std::copy_n(before.data() + row * hidden, hidden, small.data() + slots[row] * hidden);
        std::copy_n(expected.data() + row * hidden, hidden,
                    smallExpected.data() + slots[row] * hidden);
      }
      library.run(*compact,
                  {dy.data(), order.data(), segments.data(), rows.data(), small.data(),
                   slots.data()},
                  {3}, {}, Split::Pieces);
      ASSERT_TRUE(small.intact());
      ASSERT_TRUE(small == smallExpected) << compact->key(*isa);
    }
}

TEST(Rows, MeanAndItsGradient) {
  for (const CpuIsa *isa : runnableIsas())
    for (std::int64_t hidden : widths) {
      auto mean = std::make_shared<MeanRows>(), gradient = std::make_shared<MeanRows>();
      mean->hidden = gradient->hidden = hidden;
      gradient->gradient = true;
      KernelLibrary library({mean, gradient}, *isa);
      Ints offsets{0, 3, 3, 4, 41};
      Floats x = randomFloats(41 * hidden, 1), dy = randomFloats(4 * hidden, 2);
      Floats y = randomFloats(4 * hidden, 3), dx = randomFloats(41 * hidden, 4);
      library.run(*mean, {x.data(), offsets.data(), y.data()}, {4}, {}, Split::Pieces);
      library.run(*gradient, {dy.data(), offsets.data(), dx.data()}, {4}, {}, Split::Pieces);
      ASSERT_TRUE(y.intact() && dx.intact());
      for (int s = 0; s < 4; ++s)
        for (std::int64_t c = 0; c < hidden; ++c) {
          double sum = 0, rows = offsets[s + 1] - offsets[s];
          for (int r = offsets[s]; r < offsets[s + 1]; ++r) {
            sum += x[r * hidden + c] / rows;
            ASSERT_NEAR(dx[r * hidden + c], dy[s * hidden + c] / rows, 1e-7);
          }
          ASSERT_NEAR(y[s * hidden + c], sum, 1e-6) << mean->key(*isa);
        }
    }
}
