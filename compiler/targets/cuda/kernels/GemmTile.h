// What the bodies of Gemm have in common: where a block's tile lies, and what is done with its
// sums.
#pragma once

#include "compiler/targets/cuda/kernels/Gemm.h"

namespace ftc::cuda {

/// How much of the inner dimension lies in shared memory at once.
constexpr int kFmaDepth = 16, kMmaDepth = 32;

/// A factor in memory, as a tile reads it.
struct TileFactor {
  Ptr memory;
  Num origin,
      lines; ///< where the tile begins on the factor's own side, and what there is of it
  std::int64_t stride; ///< elements between lines of memory
  bool inFours;        ///< widths and strides are multiples of four
  bool inner;          ///< consecutive elements are of the inner dimension
  bool whole;          ///< every tile is full of lines
  bool narrow = false; ///< bf16, not f32
};

/// A block's tile of the product, in i32: sums over [from, to) of the inner dimension.
class GemmTile {
public:
  GemmTile(KernelBuilder &b, const Gemm &spec);

  KernelBuilder &b;
  BlockBuilder block;
  const Gemm &spec;
  Num row, column;   ///< of the tile's first element
  Num rows;          ///< of the whole product
  Num from, to;      ///< inner range
  Num chunk;         ///< of a gradient
  Ptr first, second; ///< the factors

  Num firstRow; ///< of a window

  /// Where the tile of block `task` lies: sets chunk, row and column.
  void locate(Num task);
  /// Makes the factors those of part `part`, of a sum of products.
  void turnTo(int part);
  TileFactor firstFactor() const;
  TileFactor secondFactor() const;
  /// Four consecutive elements of a factor, on its line `line` from `at` on as they lie in
  /// memory: of the two, one counts from `depth`, the other from the tile's origin. Zeros
  /// outside.
  Nums load(const TileFactor &factor, Num depth, Num line, Num at);
  /// Before `finish`, where sums are complete: takes the operands that are asked for then, once. In a
  /// group they are loaded, where a register that the main loop held would be one too many.
  void beginEpilogue();
  /// Finishes and stores `values` of one row, at consecutive columns: 2 or 4.
  void finish(Num atRow, Num atColumn, const Nums &values);
  /// The same of a warp's mma fragments, 4 values a thread of each of `down` x `across` pieces of
  /// 16 x 8, from `warpRow` and `warpColumn` of the tile on. Where a pipelined product stores bf16,
  /// the columns of two neighbouring pieces are shared out in fours (StagedFactor).
  void finishFragments(const Nums &sums, int down, int across, Num warpRow, Num warpColumn,
                       Num lane);
  /// Stores the sum of a column of a gradient's first factor.
  void finishBias(Num atRow, Num sum);

private:
  Ptr bias, addend, saved, y, pre; ///< of the epilogue; a gradient's result is `y`

  /// Four consecutive elements from `line` and `at` on, zeros from `lines` and `width` on. A
  /// line takes `stride` elements; `inFours`: width and stride are multiples of four.
  Nums loadFour(Ptr factor, Num line, Num lines, Num at, Num width, std::int64_t stride,
                bool inFours);
};

void emitFmaBody(GemmTile &tile);
void emitMmaBody(GemmTile &tile);
void emitPipelinedBody(GemmTile &tile);

} // namespace ftc::cuda
