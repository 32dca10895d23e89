// Linear layers against f64 references: odd sizes, every epilogue, bits under any split of
// tasks, a row's bits alone and in company.
#include "compiler/targets/cpu/kernels/Linear.h"

#include "runtime/io/DType.h"
#include "test/kernels/KernelHarness.h"
#include "test/kernels/ReferenceMath.h"

#include <gtest/gtest.h>

using namespace ftc::cpu;
using namespace ftc::cpu::test;

namespace {

const std::vector<std::int64_t> rowCounts{0, 1, 3, 4, 37, 65, 150};

struct Layer {
  std::int64_t in, out;
};
const std::vector<Layer> layers{{1, 1},    {7, 5},     {13, 77}, {24, 24}, {33, 49},
                                {770, 30}, {100, 200}, {770, 8}, {8, 90},  {1024, 40}};

Linear forwardOf(Layer layer) {
  Linear spec;
  spec.in = layer.in, spec.out = layer.out;
  return spec;
}

/// y = x w^T in f64, and the sum of |x||w| that bounds an f32 sum's error.
void product(const Floats &x, const Floats &w, std::int64_t rows, Layer layer,
             std::vector<double> &y, std::vector<double> &magnitude) {
  y.assign(rows * layer.out, 0);
  magnitude = y;
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t o = 0; o < layer.out; ++o)
      for (std::int64_t i = 0; i < layer.in; ++i) {
        double term = double(x[r * layer.in + i]) * w[o * layer.in + i];
        y[r * layer.out + o] += term;
        magnitude[r * layer.out + o] += std::abs(term);
      }
}

} // namespace

TEST(Linear, ForwardMatchesReferenceWithEveryEpilogue) {
  for (const CpuIsa *isa : runnableIsas())
    for (Layer layer : layers) {
      std::vector<std::shared_ptr<Linear>> specs;
      for (Activation act : {Activation::None, Activation::Gelu, Activation::GeluTanh,
                             Activation::Relu, Activation::Tanh, Activation::Silu}) {
        // Two activations show the blocking of the larger layers; compiling is what costs.
        if (layer.in >= 100 && act > Activation::Gelu)
          continue;
        specs.push_back(std::make_shared<Linear>(forwardOf(layer)));
        specs.back()->bias = true;
        specs.back()->act = act;
        specs.back()->savePre = act != Activation::None;
        specs.push_back(std::make_shared<Linear>(forwardOf(layer)));
        specs.back()->gradAct = act;
        specs.back()->add = true;
      }
      KernelLibrary library({specs.begin(), specs.end()}, *isa);
      for (const auto &spec : specs)
        for (std::int64_t rows : rowCounts) {
          Floats x = randomFloats(rows * layer.in, 1),
                 w = randomFloats(layer.in * layer.out, 2);
          Floats panels = toPanels(w, layer.in, layer.out, *isa),
                 bias = randomFloats(layer.out, 3);
          Floats addend = randomFloats(rows * layer.out, 4),
                 saved = randomFloats(rows * layer.out, 5, 4);
          Floats y(rows * layer.out), pre(rows * layer.out);
          std::vector<void *> buffers{x.data(), panels.data()};
          if (spec->bias)
            buffers.push_back(bias.data());
          if (spec->add)
            buffers.push_back(addend.data());
          if (spec->gradAct != Activation::None)
            buffers.push_back(saved.data());
          buffers.push_back(y.data());
          if (spec->savePre)
            buffers.push_back(pre.data());
          library.run(*spec, buffers, {rows});
          ASSERT_TRUE(y.intact() && pre.intact()) << spec->key(*isa) << " M=" << rows;
          Floats again(rows * layer.out);
          buffers[buffers.size() - (spec->savePre ? 2 : 1)] = again.data();
          library.run(*spec, buffers, {rows}, {}, Split::Pieces);
          ASSERT_TRUE(y == again) << spec->key(*isa) << " M=" << rows << ": split changes bits";

          std::vector<double> exact, magnitude;
          product(x, w, rows, layer, exact, magnitude);
          for (std::int64_t i = 0; i < rows * layer.out; ++i) {
            double value = exact[i];
            if (spec->bias)
              value += bias[i % layer.out];
            if (spec->add)
              value += addend[i];
            // k roundings of a sum of k terms, each half an ulp of the running magnitude.
            double bound = (layer.in + 2) * 0x1p-24 * (magnitude[i] + 2) + 1e-7;
            if (spec->savePre)
              ASSERT_NEAR(pre[i], value, bound) << spec->key(*isa);
            // Activations are 1.2-Lipschitz; derivatives at most 1.2.
            double expected = activation(spec->act, value);
            if (spec->gradAct != Activation::None)
              expected = value * activationSlope(spec->gradAct, saved[i]);
            double share = spec->gradAct != Activation::None ? slopeError(spec->gradAct, *isa)
                                                             : activationError(spec->act, *isa);
            ASSERT_NEAR(y[i], expected, 1.2 * bound + (3e-7 + share) * (1 + std::abs(value)))
                << spec->key(*isa) << " M=" << rows << " i=" << i << " x=" << value;
          }
        }
    }
}

/// The second product, in every width of panels, over one and several blocks of k.
TEST(Linear, SecondProductMatchesReference) {
  for (const CpuIsa *isa : runnableIsas())
    for (Layer layer : {Layer{13, 7}, Layer{33, 49}, Layer{400, 16}, Layer{770, 100}})
      for (std::int64_t rank : {1, 8, 17}) {
        auto plain = std::make_shared<Linear>(forwardOf(layer));
        plain->bias = true;
        auto spec = std::make_shared<Linear>(*plain);
        spec->rank = rank;
        spec->act = Activation::Relu, spec->savePre = true;
        KernelLibrary library({plain, spec}, *isa);
        for (std::int64_t rows : rowCounts) {
          Floats x = randomFloats(rows * layer.in, 1),
                 w = randomFloats(layer.in * layer.out, 2);
          Floats u = randomFloats(rows * rank, 3), f = randomFloats(rank * layer.out, 4);
          Floats panels = toPanels(w, layer.in, layer.out, *isa);
          Floats factor = toPanels(f, rank, layer.out, *isa), bias = randomFloats(layer.out, 5);
          Floats y(rows * layer.out), pre(rows * layer.out), again(rows * layer.out);
          auto run = [&](Floats &target, Split split) {
            library.run(*spec,
                        {x.data(), panels.data(), u.data(), factor.data(), bias.data(),
                         target.data(), pre.data()},
                        {rows}, {}, split);
          };
          run(y, Split::Whole);
          run(again, Split::Pieces);
          ASSERT_TRUE(y.intact() && pre.intact() && y == again) << spec->key(*isa);
          std::vector<double> first, second, magnitude, extra;
          product(x, w, rows, layer, first, magnitude);
          product(u, f, rows, {rank, layer.out}, second, extra);
          for (std::int64_t i = 0; i < rows * layer.out; ++i) {
            double value = first[i] + second[i] + bias[i % layer.out];
            double bound =
                (layer.in + rank + 2) * 0x1p-24 * (magnitude[i] + extra[i] + 1) + 1e-7;
            ASSERT_NEAR(pre[i], value, bound) << spec->key(*isa) << " M=" << rows;
            ASSERT_EQ(y[i], std::max(pre[i], 0.0f));
          }
          // A factor of zeros adds nothing, not even a rounding.
          Floats zeros(factor.size()), base(rows * layer.out);
          std::swap(zeros, factor);
          run(y, Split::Whole);
          library.run(*plain, {x.data(), panels.data(), bias.data(), base.data()}, {rows});
          ASSERT_TRUE(pre == base) << spec->key(*isa);
        }
      }
}

TEST(Linear, RowBitsDontDependOnCompany) {
  for (const CpuIsa *isa : runnableIsas())
    for (Layer layer : {Layer{33, 49}, Layer{384, 48}, Layer{770, 30}, Layer{770, 8}}) {
      auto spec = std::make_shared<Linear>(forwardOf(layer));
      spec->act = Activation::Gelu;
      KernelLibrary library({spec}, *isa);
      std::int64_t rows = 151;
      Floats x = randomFloats(rows * layer.in, 1);
      Floats panels =
          toPanels(randomFloats(layer.in * layer.out, 2), layer.in, layer.out, *isa);
      Floats together(rows * layer.out), alone(layer.out);
      library.run(*spec, {x.data(), panels.data(), together.data()}, {rows});
      for (std::int64_t r = 0; r < rows; ++r) {
        library.run(*spec, {x.data() + r * layer.in, panels.data(), alone.data()}, {1});
        ASSERT_EQ(0, std::memcmp(alone.data(), together.data() + r * layer.out, 4 * layer.out))
            << spec->key(*isa) << " row " << r;
      }
    }
}

/// Weights in 16 bits: the bits of the same kernels on the same weights widened to f32.
TEST(Linear, SixteenBitWeightsGiveTheBitsOfTheirF32) {
  for (const CpuIsa *isa : runnableIsas())
    for (Elem type : {Elem::BF16, Elem::F16})
      for (Layer layer : {Layer{13, 7}, Layer{33, 49}, Layer{770, 30}, Layer{100, 200}}) {
        auto wide = std::make_shared<Linear>(forwardOf(layer));
        wide->bias = true;
        auto narrow = std::make_shared<Linear>(*wide);
        narrow->weightType = type;
        auto packWide = std::make_shared<PackTransposed>();
        packWide->in = layer.in, packWide->out = layer.out;
        auto packNarrow = std::make_shared<PackTransposed>(*packWide);
        packNarrow->weightType = type;
        KernelLibrary library({wide, narrow, packWide, packNarrow}, *isa);
        std::int64_t rows = 37;
        Floats x = randomFloats(rows * layer.in, 1), bias = randomFloats(layer.out, 3);
        std::size_t size = packedElements(layer.in, layer.out, *isa);
        Buffer<std::uint16_t> halves(size);
        Floats weights(size), a(rows * layer.out), b(rows * layer.out);
        std::mt19937 random(7);
        for (std::size_t i = 0; i < size; ++i) {
          // Every class of number but infinities and NaN: subnormals and zeros of both signs
          // too.
          std::uint16_t bits = random();
          std::uint16_t exponent = type == Elem::BF16 ? 0x7F80 : 0x7C00;
          if ((bits & exponent) == exponent || (type == Elem::BF16 && (bits & 0x7F80) > 0x4100))
            bits &= 0x8003;
          halves[i] = bits;
          weights[i] =
              type == Elem::BF16 ? ftc::rt::bfloat16ToFloat(bits) : ftc::rt::halfToFloat(bits);
        }
        library.run(*wide, {x.data(), weights.data(), bias.data(), a.data()}, {rows});
        library.run(*narrow, {x.data(), halves.data(), bias.data(), b.data()}, {rows}, {},
                    Split::Pieces);
        ASSERT_TRUE(a == b && b.intact()) << narrow->key(*isa);
        Floats wideT(packedElements(layer.out, layer.in, *isa)), narrowT(wideT.size());
        library.run(*packWide, {weights.data(), wideT.data()});
        library.run(*packNarrow, {halves.data(), narrowT.data()});
        ASSERT_TRUE(wideT == narrowT && narrowT.intact()) << packNarrow->key(*isa);
      }
}

TEST(Linear, PackTransposedIsExact) {
  for (const CpuIsa *isa : runnableIsas())
    for (Layer layer : layers) {
      auto spec = std::make_shared<PackTransposed>();
      spec->in = layer.in, spec->out = layer.out;
      KernelLibrary library({spec}, *isa);
      Floats w = randomFloats(layer.in * layer.out, 2), transposed(layer.in * layer.out);
      for (std::int64_t o = 0; o < layer.out; ++o)
        for (std::int64_t i = 0; i < layer.in; ++i)
          transposed[i * layer.out + o] = w[o * layer.in + i];
      Floats panels = toPanels(w, layer.in, layer.out, *isa);
      Floats expected = toPanels(transposed, layer.out, layer.in, *isa);
      Floats target = randomFloats(expected.size(), 9);
      library.run(*spec, {panels.data(), target.data()}, {}, {}, Split::Pieces);
      ASSERT_TRUE(target.intact());
      ASSERT_TRUE(target == expected) << spec->key(*isa);
    }
}

TEST(Linear, WeightGradMatchesReference) {
  std::vector<Layer> shapes = layers;
  shapes.push_back({770, 800}); // large blocks
  for (const CpuIsa *isa : runnableIsas())
    for (Layer layer : shapes)
      for (bool bias : {false, true}) {
        if (layer.out == 800 && !bias)
          continue;
        auto spec = std::make_shared<LinearWeightGrad>();
        spec->in = layer.in, spec->out = layer.out, spec->bias = bias;
        KernelLibrary library({spec}, *isa);
        for (std::int64_t rows : {0, 1, 3, 37, 256, 300})
          for (std::int64_t accumulate : {0, 1}) {
            Floats x = randomFloats(rows * layer.in, 1), dy = randomFloats(rows * layer.out, 2);
            Floats before = randomFloats(layer.in * layer.out, 3);
            Floats dw = toPanels(before, layer.in, layer.out, *isa);
            Floats biasBefore = randomFloats(layer.out, 4), db = biasBefore;
            Floats again = dw, biasAgain = db;
            library.run(*spec, {x.data(), dy.data(), dw.data(), db.data()}, {rows, accumulate});
            library.run(*spec, {x.data(), dy.data(), again.data(), biasAgain.data()},
                        {rows, accumulate}, {}, Split::Pieces);
            ASSERT_TRUE(dw.intact() && db.intact());
            ASSERT_TRUE(dw == again && db == biasAgain) << spec->key(*isa) << ": split";
            Floats result = fromPanels(dw, layer.in, layer.out, *isa);
            ASSERT_TRUE(dw == toPanels(result, layer.in, layer.out, *isa)) << "padding not 0";
            for (std::int64_t o = 0; o < layer.out; ++o) {
              double columnSum = accumulate ? biasBefore[o] : 0;
              for (std::int64_t r = 0; r < rows; ++r)
                columnSum += dy[r * layer.out + o];
              if (bias)
                ASSERT_NEAR(db[o], columnSum, (rows + 1) * (rows + 2) * 0x1p-24);
              for (std::int64_t i = 0; i < layer.in; ++i) {
                double exact = accumulate ? before[o * layer.in + i] : 0;
                double magnitude = std::abs(exact);
                for (std::int64_t r = 0; r < rows; ++r) {
                  double term = double(x[r * layer.in + i]) * dy[r * layer.out + o];
                  exact += term, magnitude += std::abs(term);
                }
                ASSERT_NEAR(result[o * layer.in + i], exact, (rows + 1) * 0x1p-24 * magnitude)
                    << spec->key(*isa) << " M=" << rows;
              }
            }
          }
      }
}
