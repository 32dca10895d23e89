// What tests of products have in common: integers, of which every sum is exact in f32 and every
// factor in bf16, and a weight gradient beside its definition.
#pragma once

#include "compiler/targets/cuda/kernels/Gemm.h"
#include "test/kernels/KernelHarness.h"
#include "test/kernels/ReferenceMath.h"

#include <gtest/gtest.h>

#include <bit>

namespace ftc::cuda {

using cpu::test::Floats;
using cpu::test::KernelLibrary;
using cpu::test::toBf16;

inline Floats integers(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  Floats values(count);
  for (std::size_t i = 0; i < count; ++i)
    values[i] = static_cast<float>(static_cast<int>(random() % 17) - 8);
  return values;
}

/// Two of `values` a word, an even number of them.
inline Floats packed(const Floats &values) {
  Floats words(values.size() / 2);
  for (std::size_t i = 0; i < words.size(); ++i)
    words[i] = std::bit_cast<float>(std::uint32_t{toBf16(values[2 * i])} |
                                    std::uint32_t{toBf16(values[2 * i + 1])} << 16);
  return words;
}

inline Gemm weightGradient(Products products, std::int64_t out, std::int64_t in, int tile,
                    std::int64_t chunk) {
  Gemm gemm;
  gemm.gradient = gemm.bias = true;
  gemm.out = out;
  gemm.n = in;
  gemm.tile = tile;
  gemm.chunk = chunk;
  gemm.products = products;
  return gemm;
}

/// dy^T x of `m` rows in chunks, added in order, and with gemm.bias the sums of dy's columns.
inline void expectWeightGradient(const KernelLibrary &library, const Gemm &gemm, std::int64_t m,
                                 std::int64_t accumulate) {
  std::int64_t out = gemm.out, in = gemm.n;
  SCOPED_TRACE(std::to_string(m) + " rows of " + std::to_string(out) + "x" +
               std::to_string(in) + ", tile " + std::to_string(gemm.tile) + ", chunks of " +
               std::to_string(gemm.chunk) + (gemm.bias ? ", bias" : ""));
  GemmReduce reduce;
  reduce.out = out;
  reduce.in = in;
  reduce.chunk = gemm.chunk;
  reduce.bias = gemm.bias;
  Floats dy = integers(m * out, 1), x = integers(m * in, 2), dw = integers(out * in, 3);
  Floats dbias = integers(out, 4), oldWeights = dw, oldBias = dbias;
  Floats partial((m + gemm.chunk - 1) / gemm.chunk * partialElements(out, in));
  Floats stored = gemm.narrowX ? packed(x) : x;
  library.run(gemm, {dy.data(), stored.data(), partial.data()}, {m}, {}, cpu::test::Split::Pieces);
  std::vector<void *> results{partial.data(), dw.data()};
  if (gemm.bias)
    results.push_back(dbias.data());
  library.run(reduce, results, {m, accumulate});
  for (std::int64_t o = 0; o < out; ++o) {
    float columns = accumulate ? oldBias[o] : 0;
    for (std::int64_t r = 0; r < m; ++r)
      columns += dy[r * out + o];
    ASSERT_EQ(dbias[o], gemm.bias ? columns : oldBias[o]) << "at " << o;
    for (std::int64_t i = 0; i < in; ++i) {
      float sum = accumulate ? oldWeights[o * in + i] : 0;
      for (std::int64_t r = 0; r < m; ++r)
        sum += dy[r * out + o] * x[r * in + i];
      ASSERT_EQ(dw[o * in + i], sum) << "at " << o << ", " << i;
    }
  }
}

} // namespace ftc::cuda
