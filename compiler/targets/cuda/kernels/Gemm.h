// Matrix products of a block's tile: linear layers, their input gradients, and the shares of
// weight gradients. Matrices are row-major f32; on tensor cores factors are rounded to bf16 or
// tf32, and what is stored as bf16 already is read as it is.
#pragma once

#include "compiler/targets/cuda/BlockKernel.h"
#include "compiler/targets/cuda/GpuArch.h"

#include <algorithm>

namespace ftc::cuda {

/// Y[M, n] = epilogue(A B), summed over k: A[M, k], and B[k, n] as it lies (`ColumnsOfN`) or as
/// W[n, k] (`RowsOfN`).
///   y = A B;  y += bias;  y += addend;  pre = y;  y = act(y);  y *= gradAct'(saved)
/// A row's bits depend on that row of A alone.
///   buffers  a [M, k], b, [bias: bias [n]], [add: addend [M, n], may be y],
///            [gradAct: saved [M, n]], y [M, n], [savePre: pre [M, n]]
///   ints     M
/// With `parts` it is the sum of as many products, A0 B0 + A1 B1 + ..., of equal shapes: input
/// gradients of layers that read the same rows. Pipelined products alone, without a window.
///   buffers  a0, b0, a1, b1, ..., and the rest as above
/// With `gradient` it is a share of a weight gradient, A^T B summed over rows in chunks:
/// a [M, out], b [M, n], and Y of chunk c goes to `partial` at c * (out * n + out), behind it
/// the sums of a's columns over the chunk's rows (`bias`). `chunk` rows a chunk.
///   buffers  a [M, out], b [M, n], partial
///   ints     M
/// With `window` the rows are [first, min(first + window, M)) of one factor or of the result,
/// as `whole` says; all else has `window` rows. A gradient is then added up in place.
///   buffers  as above; of a gradient a [window, out], b [M, n], dweight [out, n]
///   ints     M, first, [gradient: accumulate (0: overwrite, 1: add)]
struct Gemm : BlockKernel {
  enum class Factor { RowsOfN, ColumnsOfN };
  std::int64_t k = 0, n = 0;
  Factor second = Factor::RowsOfN;
  int parts = 1;
  Products products = Products::F32; ///< tf32: where pipelined() holds, else f32
  /// Rows and columns of a block's tile: 64 or 128; 256 is of 256 rows and 128 columns, which
  /// are fewer accesses of shared memory a FLOP, where mayBeTall() holds.
  int tile = 64;
  bool bias = false, add = false, savePre = false;
  /// Stored in bf16, of products in bf16: a layer's input (a; of a gradient b), of pipelined
  /// products with lines of a multiple of 8 elements and without a window; y, of such a width.
  bool narrowX = false, narrowY = false;
  cpu::Activation act = cpu::Activation::None, gradAct = cpu::Activation::None;
  bool gradient = false;
  std::int64_t out = 0, chunk = 0; ///< of a gradient
  enum class Whole { First, Second, Result };
  std::int64_t window = 0, windows = 1; ///< rows of a window; windows that share the work
  Whole whole = Whole::First;
  std::int64_t firstStride = 0, resultStride = 0; ///< elements a row, 0: no gaps

  /// Stages of shared memory that cp.async fills, and their share of the inner dimension.
  static constexpr int kStages = 3, kStageDepth = 16;
  /// Whether factors come by cp.async: products on tensor cores whose lines begin at multiples
  /// of 16 bytes, of at least as many steps as there are stages. All others wait in registers.
  bool pipelined() const;
  /// Whether the tile may be of 256 rows: where registers are enough.
  bool mayBeTall() const {
    return pipelined() && products == Products::Bf16 && (gradient || !narrowX);
  }
  bool isTall() const { return tile == 256; }
  int tileRows() const { return tile; }
  int tileColumns() const { return std::min(tile, 128); }

  std::int64_t strideOfFirst() const { return firstStride ? firstStride : gradient ? out : k; }
  std::int64_t strideOfResult() const { return resultStride ? resultStride : n; }

  std::string key(const cpu::CpuIsa &isa) const override;
  cpu::IntExpr grid(const cpu::CpuIsa &isa) const override;
  cpu::IntExpr flops() const override;
  int threads() const override;
  std::int64_t sharedBytes() const override;
  /// A fragment of tf32 takes twice the registers of one of bf16.
  int residentBlocks() const override {
    return !pipelined() || isTall() ? 1 : products == Products::Tf32 ? 2 : 3;
  }
  int mostRegisters() const override { return isTall() ? 168 : 0; }
  void emit(KernelBuilder &b) const override;
};

/// Elements of the buffer `partial` for one chunk.
std::int64_t partialElements(std::int64_t out, std::int64_t in);

/// to[i] = (accumulate ? to[i] : 0) + partial[0][i] + partial[1][i] + ..., in this order, for
/// the gradient's elements, and with `bias` the sums of columns behind them.
///   buffers  partial [chunks][out * in + out], dweight [out, in], [bias: dbias [out]]
///   ints     M, accumulate
struct GemmReduce : BlockKernel {
  std::int64_t in = 0, out = 0, chunk = 0;
  bool bias = false;

  std::string key(const cpu::CpuIsa &isa) const override;
  cpu::IntExpr grid(const cpu::CpuIsa &isa) const override;
  int threads() const override { return 256; }
  void emit(KernelBuilder &b) const override;
};

} // namespace ftc::cuda
