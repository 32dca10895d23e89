// Gemm whose factors or results are stored in bf16, on the emulated GPU: integers, of which
// every sum is exact in f32, and every result its rounding to nearest even.
#include "compiler/targets/cuda/GpuArch.h"
#include "test/cuda/GemmReference.h"

#include <gtest/gtest.h>

namespace ftc::cuda {
namespace {

using cpu::test::bf16At;

Floats integers(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  Floats values(count);
  for (std::size_t i = 0; i < count; ++i)
    values[i] = static_cast<float>(static_cast<int>(random() % 17) - 8);
  return values;
}

struct Shape {
  std::int64_t m, k, n;
};

/// Remainders of tiles, of steps of 16 terms, and of chunks of 8 elements.
const std::vector<Shape> kShapes{{1, 48, 8},    {65, 56, 72},   {130, 64, 136}, {7, 104, 80},
                                 {0, 64, 8},    {200, 72, 40},  {128, 128, 256}, {33, 200, 128},
                                 {300, 88, 264}};

struct NarrowGemm : testing::Test {
  KernelLibrary library{{}, *findArch("sm_80", Products::Bf16)};

  /// y, and pre before ReLU, of what is stored as `gemm` says.
  void expectForward(Gemm gemm, std::int64_t m) {
    std::int64_t k = gemm.k, n = gemm.n;
    gemm.products = Products::Bf16;
    gemm.bias = gemm.savePre = true;
    gemm.act = cpu::Activation::Relu;
    Floats x = integers(m * k, 1), w = integers(n * k, 2), bias = integers(n, 3);
    Floats y(gemm.narrowY ? m * n / 2 : m * n), pre(m * n);
    Floats stored = gemm.narrowX ? packed(x) : x;
    library.run(gemm, {stored.data(), w.data(), bias.data(), y.data(), pre.data()}, {m}, {},
                cpu::test::Split::Pieces);
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        float sum = bias[j];
        for (std::int64_t c = 0; c < k; ++c)
          sum += x[i * k + c] * w[j * k + c];
        std::string where = std::to_string(m) + "x" + std::to_string(k) + "x" +
                            std::to_string(n) + " tile " + std::to_string(gemm.tile) + " at " +
                            std::to_string(i) + ", " + std::to_string(j);
        ASSERT_EQ(pre[i * n + j], sum) << where;
        float result = std::max(sum, 0.0f);
        if (gemm.narrowY)
          ASSERT_EQ(bf16At(y, i * n + j), toBf16(result)) << where;
        else
          ASSERT_EQ(y[i * n + j], result) << where;
      }
  }
};

Gemm forward(std::int64_t k, std::int64_t n, int tile, bool narrowX, bool narrowY) {
  Gemm gemm;
  gemm.k = k;
  gemm.n = n;
  gemm.tile = tile;
  gemm.narrowX = narrowX;
  gemm.narrowY = narrowY;
  gemm.products = Products::Bf16;
  return gemm;
}

TEST_F(NarrowGemm, ForwardIsExact) {
  for (int tile : {64, 128, 256})
    for (auto [m, k, n] : kShapes)
      for (auto [narrowX, narrowY] :
           {std::pair(true, false), std::pair(false, true), std::pair(true, true)}) {
        Gemm gemm = forward(k, n, tile, narrowX, narrowY);
        ASSERT_TRUE(gemm.pipelined());
        if (tile < 256 || gemm.mayBeTall())
          expectForward(gemm, m);
      }
}

/// Of factors that wait in registers: of few terms, or of lines of no multiple of 16 bytes.
TEST_F(NarrowGemm, ResultsOfOtherBodiesAreExact) {
  for (int tile : {64, 128})
    for (auto [m, k, n] : {Shape{70, 20, 72}, Shape{130, 50, 136}}) {
      Gemm gemm = forward(k, n, tile, /*narrowX=*/false, /*narrowY=*/true);
      ASSERT_FALSE(gemm.pipelined());
      expectForward(gemm, m);
    }
}

TEST_F(NarrowGemm, WeightGradientIsExactInChunks) {
  for (int tile : {64, 128, 256})
    for (auto [m, out, in] : {Shape{1, 4, 8}, Shape{65, 36, 72}, Shape{130, 256, 136},
                              Shape{200, 132, 40}, Shape{0, 8, 8}, Shape{150, 512, 128}})
      for (bool bias : {false, true}) {
        Gemm gemm = weightGradient(Products::Bf16, out, in, tile, /*chunk=*/64);
        gemm.narrowX = true;
        gemm.bias = bias;
        ASSERT_TRUE(gemm.pipelined());
        expectWeightGradient(library, gemm, m, /*accumulate=*/0);
      }
}

} // namespace
} // namespace ftc::cuda
