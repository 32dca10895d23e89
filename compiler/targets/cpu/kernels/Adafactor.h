// Adafactor as transformers.optimization.Adafactor computes it with scale_parameter=False and
// relative_step=False: nn.adafactor's equations. Row and column means are over the canonical
// matrix; a panel's padding rows are never read into them, and never written.
#pragma once

#include "compiler/targets/cpu/kernels/KernelSpec.h"

namespace ftc::cpu {

/// One of the four launches that update a matrix [rows, columns], in this order. A block is a
/// panel where the matrix lies in panels, else 64 rows. With a 0 flag in `control` none of them writes.
struct AdafactorMatrix : Kernel {
  enum Stage {
    /// v = b v + (1 - b) row means of s = g^2 + eps; partial = sums of s over each block's
    /// rows.
    ///   buffers  g, v [rows], partial [blocks, columns], [control [2]]
    ///   ints     rows, columns      scalars  beta2, eps
    Rows,
    /// v_column = b v_column + (1 - b) column means; factor = 1 / sqrt(v_column);
    /// mean = mean of v.
    ///   buffers  partial [blocks, columns], v [rows], v_column [columns], factor [columns],
    ///            mean [1], [control [2]]
    ///   ints     columns, rows, blocks      scalars  beta2
    Columns,
    /// squares = sums over each block of u^2, u[i, j] = g[i, j] / sqrt(v[i] / mean) *
    /// factor[j].
    ///   buffers  g, v [rows], factor [columns], mean [1], squares f64 [blocks], [control [2]]
    ///   ints     rows, columns      scalars  none
    Squares,
    /// p -= lr * wd * p; p -= lr * u / max(1, rms(u) / clip).
    ///   buffers  p, g, v [rows], factor [columns], mean [1], squares f64 [blocks],
    ///            [control [2]]
    ///   ints     rows, columns, blocks      scalars  lr, clip, weight_decay
    Apply
  };

  Stage stage = Rows;
  int panelWidth = 0; ///< 0: row-major
  bool control = true;

  /// Rows of a block.
  static std::int64_t blockRows(int panelWidth);

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// The update of a vector, whose v is not factored; one task.
///   buffers  p [n], g [n], v [n], [control [2]]      ints  n
///   scalars  lr, beta2, eps, clip, weight_decay
struct AdafactorVector : Kernel {
  bool control = true;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

} // namespace ftc::cpu
