// The register-tiled inner product all matrix products share: linear layers, attention.
#pragma once

#include "compiler/targets/cpu/KernelBuilder.h"
#include "compiler/targets/cpu/kernels/KernelSpec.h"

namespace ftc::cpu {

/// The left operand of a tile: A(r, k) at base[r * rowStride + k * kStride], or at
/// rows[r][k * kStride] where rows are given (clamped or irregular rows).
struct TileRows {
  Ptr base;
  std::int64_t rowStride = 0;
  std::int64_t kStride = 1;
  std::vector<Ptr> rows;
};

/// The accumulators c[r * vectors + v] after adding A(r, k) * B(k, v) for k in [0, count), in
/// order of k, each product one fma. B(k, v) is at panel[k * panelWidth + v * lanes].
/// `staticCount` is count where it is known at compile time, else -1. Where A and B are words
/// of bf16 pairs (Elem::I32), k counts words and each product is a dotPairs.
Nums emitTile(KernelBuilder &b, int rows, int vectors, const TileRows &a, Ptr panel,
              std::int64_t panelWidth, Num count, std::int64_t staticCount, Nums accumulators);

/// A row of `count` f32 as words of bf16 pairs, zeros up to whole vectors.
void packPairs(KernelBuilder &b, Ptr row, std::int64_t count, Ptr words);

/// f32 of a cache line.
inline constexpr std::int64_t lineElements = 16;

/// Fetches the lines of `elements` f32 from base[at] on; they may lie beyond a buffer's end.
void prefetchLines(KernelBuilder &b, Ptr base, Num at, std::int64_t elements);

/// One step of a sum over rows: the vector at `from` or, where `second` is not null, words of
/// its elements and those `stride` behind; where `second` is false zeros stand for the latter.
Num loadStep(KernelBuilder &b, Ptr from, std::int64_t stride, Num second, Num mask,
             int lanes = 0);

/// Applies an activation, or its derivative at the pre-activation, to a scalar or a vector.
Num activate(KernelBuilder &b, Activation activation, Num x);
Num activationDerivative(KernelBuilder &b, Activation activation, Num x);

} // namespace ftc::cpu
