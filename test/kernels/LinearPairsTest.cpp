// Linear layers in bf16 pairs against f64 references over the rounded factors: odd sizes, the
// packing to the bit, bits under any split of tasks, a row's bits alone and in company.
#include "compiler/targets/cpu/kernels/Linear.h"

#include "test/kernels/KernelHarness.h"
#include "test/kernels/ReferenceMath.h"

#include <gtest/gtest.h>

#include <bit>

using namespace ftc::cpu;
using namespace ftc::cpu::test;

namespace {

struct Layer {
  std::int64_t in, out;
};
const std::vector<Layer> layers{{1, 1},    {7, 5},     {13, 77}, {24, 24}, {33, 49},
                                {771, 30}, {100, 200}, {770, 8}, {8, 90},  {1600, 40}};

Floats rounded(const Floats &values) {
  Floats out(values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    out[i] = roundedToBf16(values[i]);
  return out;
}

/// Words of W[out, in]'s panels, from its definition.
Buffer<std::uint32_t> toPairPanels(const Floats &weight, std::int64_t in, std::int64_t out,
                                   const CpuIsa &isa) {
  std::int64_t width = isa.panelWidth(out), words = (in + 1) / 2;
  Buffer<std::uint32_t> panels(pairWords(in, out, isa));
  for (std::int64_t o = 0; o < out; ++o)
    for (std::int64_t i = 0; i < in; ++i)
      panels[(o / width * words + i / 2) * width + o % width] |=
          std::uint32_t{toBf16(weight[o * in + i])} << (i % 2 * 16);
  return panels;
}

const CpuIsa &isa = isaV4Bf16();

} // namespace

TEST(LinearPairs, ForwardMatchesReference) {
  if (!canRun(isa))
    GTEST_SKIP() << "this CPU has no AVX-512 BF16";
  for (Layer layer : layers)
    for (std::int64_t rank : {0, 8}) {
      auto spec = std::make_shared<Linear>();
      spec->in = layer.in, spec->out = layer.out, spec->pairs = true, spec->bias = true;
      spec->rank = rank, spec->act = Activation::Relu, spec->savePre = true;
      KernelLibrary library({spec}, isa);
      for (std::int64_t rows : {0, 1, 3, 4, 37, 65, 150}) {
        Floats x = randomFloats(rows * layer.in, 1), w = randomFloats(layer.in * layer.out, 2);
        Floats u = randomFloats(rows * rank, 3), f = randomFloats(rank * layer.out, 4);
        Floats factor = toPanels(f, rank, layer.out, isa), bias = randomFloats(layer.out, 5);
        Buffer<std::uint32_t> panels = toPairPanels(w, layer.in, layer.out, isa);
        Floats y(rows * layer.out), pre(rows * layer.out), again(rows * layer.out);
        auto run = [&](Floats &target, Split split) {
          std::vector<void *> buffers{x.data(), panels.data()};
          if (rank)
            buffers.insert(buffers.end(), {u.data(), factor.data()});
          buffers.insert(buffers.end(), {bias.data(), target.data(), pre.data()});
          library.run(*spec, buffers, {rows}, {}, split);
        };
        run(y, Split::Whole);
        run(again, Split::Pieces);
        ASSERT_TRUE(y.intact() && pre.intact() && y == again) << spec->key(isa);
        Floats xs = rounded(x), ws = rounded(w);
        for (std::int64_t r = 0; r < rows; ++r)
          for (std::int64_t o = 0; o < layer.out; ++o) {
            double value = bias[o], magnitude = std::abs(value);
            auto add = [&](double a, double b) {
              value += a * b, magnitude += std::abs(a * b);
            };
            for (std::int64_t i = 0; i < layer.in; ++i)
              add(xs[r * layer.in + i], ws[o * layer.in + i]);
            for (std::int64_t i = 0; i < rank; ++i)
              add(u[r * rank + i], f[o * rank + i]);
            // Products of bf16 are exact in f32; each sum is rounded once.
            double bound = (layer.in + rank + 2) * 0x1p-24 * magnitude + 1e-7;
            ASSERT_NEAR(pre[r * layer.out + o], value, bound)
                << spec->key(isa) << " M=" << rows;
            ASSERT_EQ(y[r * layer.out + o], std::max(pre[r * layer.out + o], 0.0f));
          }
      }
    }
}

TEST(LinearPairs, RowBitsDontDependOnCompany) {
  if (!canRun(isa))
    GTEST_SKIP() << "this CPU has no AVX-512 BF16";
  for (Layer layer : {Layer{33, 49}, Layer{384, 48}, Layer{1601, 30}, Layer{770, 8}}) {
    auto spec = std::make_shared<Linear>();
    spec->in = layer.in, spec->out = layer.out, spec->pairs = true;
    KernelLibrary library({spec}, isa);
    std::int64_t rows = 151;
    Floats x = randomFloats(rows * layer.in, 1);
    Buffer<std::uint32_t> panels =
        toPairPanels(randomFloats(layer.in * layer.out, 2), layer.in, layer.out, isa);
    Floats together(rows * layer.out), alone(layer.out);
    library.run(*spec, {x.data(), panels.data(), together.data()}, {rows});
    for (std::int64_t r = 0; r < rows; ++r) {
      library.run(*spec, {x.data() + r * layer.in, panels.data(), alone.data()}, {1});
      ASSERT_EQ(0, std::memcmp(alone.data(), together.data() + r * layer.out, 4 * layer.out))
          << spec->key(isa) << " row " << r;
    }
  }
}

TEST(LinearPairs, PackingRoundsToNearestEven) {
  if (!canRun(isa))
    GTEST_SKIP() << "this CPU has no AVX-512 BF16";
  for (Layer layer : layers) {
    auto pack = std::make_shared<PackPairs>();
    pack->in = layer.in, pack->out = layer.out;
    auto narrow = std::make_shared<PackPairs>(*pack);
    narrow->weightType = Elem::BF16;
    auto transpose = std::make_shared<PackTransposed>();
    transpose->in = layer.in, transpose->out = layer.out, transpose->pairs = true;
    KernelLibrary library({pack, narrow, transpose}, isa);
    Floats w = randomFloats(layer.in * layer.out, 2), transposed(layer.in * layer.out);
    w[0] = std::bit_cast<float>(0x3f808000u); // a tie, to the even one below
    if (w.size() > 3)
      w[3] = std::bit_cast<float>(0x3f818000u); // a tie, to the even one above
    for (std::int64_t o = 0; o < layer.out; ++o)
      for (std::int64_t i = 0; i < layer.in; ++i)
        transposed[i * layer.out + o] = w[o * layer.in + i];
    Floats panels = toPanels(w, layer.in, layer.out, isa);
    Buffer<std::uint32_t> expected = toPairPanels(w, layer.in, layer.out, isa);
    Buffer<std::uint32_t> words(expected.size());
    library.run(*pack, {panels.data(), words.data()}, {}, {}, Split::Pieces);
    ASSERT_TRUE(words.intact() && words == expected) << pack->key(isa);
    Buffer<std::uint16_t> halves(panels.size());
    for (std::size_t i = 0; i < panels.size(); ++i)
      halves[i] = toBf16(panels[i]);
    Buffer<std::uint32_t> fromHalves(expected.size());
    library.run(*narrow, {halves.data(), fromHalves.data()}, {}, {}, Split::Pieces);
    ASSERT_TRUE(fromHalves.intact() && fromHalves == expected) << narrow->key(isa);
    Buffer<std::uint32_t> expectedT = toPairPanels(transposed, layer.out, layer.in, isa);
    Buffer<std::uint32_t> wordsT(expectedT.size());
    library.run(*transpose, {panels.data(), wordsT.data()}, {}, {}, Split::Pieces);
    ASSERT_TRUE(wordsT.intact() && wordsT == expectedT) << transpose->key(isa);
  }
}

TEST(LinearPairs, WeightGradMatchesReference) {
  if (!canRun(isa))
    GTEST_SKIP() << "this CPU has no AVX-512 BF16";
  std::vector<Layer> shapes = layers;
  shapes.push_back({770, 800}); // large blocks
  for (Layer layer : shapes) {
    auto spec = std::make_shared<LinearWeightGrad>();
    spec->in = layer.in, spec->out = layer.out, spec->bias = true, spec->pairs = true;
    KernelLibrary library({spec}, isa);
    for (std::int64_t rows : {0, 1, 3, 37, 256, 601})
      for (std::int64_t accumulate : {0, 1}) {
        if (layer.in * layer.out > 100000 && rows == 601)
          continue;
        Floats x = randomFloats(rows * layer.in, 1), dy = randomFloats(rows * layer.out, 2);
        Floats before = randomFloats(layer.in * layer.out, 3);
        Floats dw = toPanels(before, layer.in, layer.out, isa), again = dw;
        Floats biasBefore = randomFloats(layer.out, 4), db = biasBefore, biasAgain = db;
        library.run(*spec, {x.data(), dy.data(), dw.data(), db.data()}, {rows, accumulate});
        library.run(*spec, {x.data(), dy.data(), again.data(), biasAgain.data()},
                    {rows, accumulate}, {}, Split::Pieces);
        ASSERT_TRUE(dw.intact() && db.intact());
        ASSERT_TRUE(dw == again && db == biasAgain) << spec->key(isa) << ": split";
        Floats result = fromPanels(dw, layer.in, layer.out, isa);
        ASSERT_TRUE(dw == toPanels(result, layer.in, layer.out, isa)) << "padding not 0";
        Floats xs = rounded(x), dys = rounded(dy);
        for (std::int64_t o = 0; o < layer.out; ++o) {
          double columnSum = accumulate ? biasBefore[o] : 0;
          for (std::int64_t r = 0; r < rows; ++r)
            columnSum += dy[r * layer.out + o];
          ASSERT_NEAR(db[o], columnSum, (rows + 1) * (rows + 2) * 0x1p-24);
          for (std::int64_t i = 0; i < layer.in; ++i) {
            double exact = accumulate ? before[o * layer.in + i] : 0;
            double magnitude = std::abs(exact);
            for (std::int64_t r = 0; r < rows; ++r) {
              double term = double(xs[r * layer.in + i]) * dys[r * layer.out + o];
              exact += term, magnitude += std::abs(term);
            }
            ASSERT_NEAR(result[o * layer.in + i], exact, (rows + 1) * 0x1p-24 * magnitude)
                << spec->key(isa) << " M=" << rows;
          }
        }
      }
  }
}
