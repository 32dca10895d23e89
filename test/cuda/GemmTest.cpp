// Gemm on the emulated GPU: integers, of which every sum is exact in f32 and every factor in
// bf16, so that results must be equal to the last bit, for tiles and remainders of all sizes.
#include "compiler/targets/cuda/GpuArch.h"
#include "test/cuda/GemmReference.h"

#include <gtest/gtest.h>

namespace ftc::cuda {
namespace {

struct Shape {
  std::int64_t m, k, n;
};

class GemmTest : public testing::TestWithParam<Products> {
public:
  KernelLibrary library{{}, *findArch("sm_80", GetParam())};
};

const std::vector<Shape> kShapes{{1, 4, 4},    {64, 32, 64},   {65, 33, 70},  {130, 48, 129},
                                 {7, 100, 77}, {128, 64, 256}, {200, 20, 31}, {0, 8, 8},
                                 {130, 68, 132}, {33, 196, 60}, {300, 52, 136}};

/// Rows that fill tiles of 256, and rows of which one is left over, or one is missing.
const std::vector<Shape> kTallShapes{{256, 64, 128}, {257, 48, 260}, {511, 52, 136}};

/// Input gradients of layers that read the same rows, in one sum.
TEST_P(GemmTest, SumsOfProductsAreExact) {
  if (GetParam() == Products::F32)
    GTEST_SKIP() << "such products stand alone";
  for (int tile : {64, 128, 256})
    for (auto [m, k, n] : {Shape{130, 48, 132}, Shape{33, 100, 60}, Shape{300, 64, 128}}) {
      Gemm gemm;
      gemm.k = k;
      gemm.n = n;
      gemm.second = Gemm::Factor::ColumnsOfN;
      gemm.tile = tile;
      gemm.products = GetParam();
      gemm.parts = 3;
      gemm.add = true;
      ASSERT_TRUE(gemm.pipelined());
      if (tile == 256 && !gemm.mayBeTall())
        continue;
      std::vector<Floats> a, w;
      std::vector<void *> buffers;
      for (unsigned part = 0; part < 3; ++part) {
        a.push_back(integers(m * k, 10 + part));
        w.push_back(integers(n * k, 20 + part));
      }
      for (unsigned part = 0; part < 3; ++part)
        buffers.insert(buffers.end(), {a[part].data(), w[part].data()});
      Floats addend = integers(m * n, 4), y(m * n);
      buffers.insert(buffers.end(), {addend.data(), y.data()});
      library.run(gemm, buffers, {m}, {}, cpu::test::Split::Pieces);
      for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t j = 0; j < n; ++j) {
          float sum = addend[i * n + j];
          for (unsigned part = 0; part < 3; ++part)
            for (std::int64_t c = 0; c < k; ++c)
              sum += a[part][i * k + c] * w[part][c * n + j];
          ASSERT_EQ(y[i * n + j], sum) << m << "x" << k << "x" << n << " at " << i << ", " << j;
        }
    }
}

TEST_P(GemmTest, ForwardWithItsEpilogueIsExact) {
  std::vector<Shape> all = kShapes;
  all.insert(all.end(), kTallShapes.begin(), kTallShapes.end());
  for (int tile : {64, 128, 256})
    for (auto [m, k, n] : tile == 256 ? all : kShapes)
      for (auto second : {Gemm::Factor::RowsOfN, Gemm::Factor::ColumnsOfN}) {
        Gemm gemm;
        gemm.k = k;
        gemm.n = n;
        gemm.second = second;
        gemm.tile = tile;
        gemm.products = GetParam();
        if (tile == 256 && !gemm.mayBeTall())
          continue;
        gemm.bias = gemm.add = gemm.savePre = true;
        gemm.act = cpu::Activation::Relu;
        gemm.gradAct = cpu::Activation::Relu;
        Floats a = integers(m * k, 1), w = integers(n * k, 2), bias = integers(n, 3);
        Floats addend = integers(m * n, 4), saved = integers(m * n, 5), y(m * n), pre(m * n);
        library.run(gemm,
                    {a.data(), w.data(), bias.data(), addend.data(), saved.data(), y.data(),
                     pre.data()},
                    {m}, {}, cpu::test::Split::Pieces);
        for (std::int64_t i = 0; i < m; ++i)
          for (std::int64_t j = 0; j < n; ++j) {
            float sum = bias[j] + addend[i * n + j];
            for (std::int64_t c = 0; c < k; ++c)
              sum += a[i * k + c] *
                     (second == Gemm::Factor::RowsOfN ? w[j * k + c] : w[c * n + j]);
            ASSERT_EQ(pre[i * n + j], sum)
                << m << "x" << k << "x" << n << " tile " << tile << " at " << i << ", " << j;
            ASSERT_EQ(y[i * n + j], saved[i * n + j] > 0 ? std::max(sum, 0.0f) : 0.0f);
          }
      }
}

TEST_P(GemmTest, WeightGradientIsExactInChunks) {
  for (int tile : {64, 128, 256})
    for (auto [m, out, in] : kShapes)
      for (std::int64_t accumulate : {0, 1}) {
        Gemm gemm = weightGradient(GetParam(), out, in, tile, /*chunk=*/64);
        if (tile < 256 || gemm.mayBeTall())
          expectWeightGradient(library, gemm, m, accumulate);
      }
}

/// As the lowering uses tiles of 256 rows: where 256 divides `out`, so that no copy asks
/// whether its row is there. Rows are whole chunks, whole steps of 16, and neither.
TEST_P(GemmTest, WeightGradientOfTallTilesIsExact) {
  if (GetParam() != Products::Bf16)
    GTEST_SKIP() << "tiles of 256 rows are bf16's";
  struct Rows {
    std::int64_t m, chunk;
  };
  for (std::int64_t out : {256, 512})
    for (std::int64_t in : {128, 60, 132})
      for (auto [m, chunk] : {Rows{128, 64}, Rows{80, 64}, Rows{61, 64}, Rows{300, 256}})
        for (bool bias : {true, false}) {
          Gemm gemm = weightGradient(GetParam(), out, in, 256, chunk);
          ASSERT_TRUE(gemm.mayBeTall());
          gemm.bias = bias;
          expectWeightGradient(library, gemm, m, /*accumulate=*/bias);
        }
}

TEST_P(GemmTest, WindowsOfAVocabularyAreExact) {
  const std::int64_t rows = 150, window = 128, hidden = 36, vocabulary = 70, stride = 96;
  Gemm shape;
  shape.products = GetParam();
  shape.window = window;
  Floats x = integers(rows * hidden, 1), w = integers(vocabulary * hidden, 2);
  Floats dx(rows * hidden), dw(vocabulary * hidden), wanted(vocabulary * hidden);
  for (std::int64_t first : {std::int64_t{0}, window}) {
    std::int64_t count = std::min(window, rows - first);
    Floats logits(window * stride);
    Gemm forward = shape;
    forward.k = hidden;
    forward.n = vocabulary;
    forward.resultStride = stride;
    library.run(forward, {x.data(), w.data(), logits.data()}, {rows, first});
    Gemm input = shape;
    input.k = vocabulary;
    input.n = hidden;
    input.second = Gemm::Factor::ColumnsOfN;
    input.whole = Gemm::Whole::Result;
    input.firstStride = stride;
    Gemm table = input;
    table.gradient = true;
    table.k = 0;
    table.out = vocabulary;
    table.whole = Gemm::Whole::Second;
    for (std::int64_t r = 0; r < count; ++r)
      for (std::int64_t v = 0; v < vocabulary; ++v) {
        float sum = 0;
        for (std::int64_t c = 0; c < hidden; ++c)
          sum += x[(first + r) * hidden + c] * w[v * hidden + c];
        ASSERT_EQ(logits[r * stride + v], sum) << first << ", " << r << ", " << v;
      }
    Floats gradient = integers(window * stride, 3);
    library.run(input, {gradient.data(), w.data(), dx.data()}, {rows, first});
    library.run(table, {gradient.data(), x.data(), dw.data()}, {rows, first, first > 0});
    for (std::int64_t r = 0; r < count; ++r)
      for (std::int64_t c = 0; c < hidden; ++c) {
        float sum = 0;
        for (std::int64_t v = 0; v < vocabulary; ++v) {
          sum += gradient[r * stride + v] * w[v * hidden + c];
          wanted[v * hidden + c] += gradient[r * stride + v] * x[(first + r) * hidden + c];
        }
        ASSERT_EQ(dx[(first + r) * hidden + c], sum) << first << ", " << r << ", " << c;
      }
  }
  for (std::size_t i = 0; i < wanted.size(); ++i)
    ASSERT_EQ(dw[i], wanted[i]) << i;
}

INSTANTIATE_TEST_SUITE_P(Products, GemmTest,
                         testing::Values(Products::F32, Products::Tf32, Products::Bf16),
                         [](const auto &info) { return productsName(info.param); });

} // namespace
} // namespace ftc::cuda
