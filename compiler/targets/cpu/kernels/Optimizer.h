// Optimizer updates over contiguous elements, and the global norm that scales or stops them.
// control [2] f32 = {coefficient multiplied into gradients, 1 if they are finite else 0}: with
// a 0 flag an update leaves every buffer untouched bit for bit. Updates without `control`
// (fused behind a gradient) have no such buffer: coefficient 1, always applied.
#pragma once

#include "compiler/targets/cpu/kernels/KernelSpec.h"
#include "compiler/targets/cpu/kernels/UpdateRules.h"

namespace ftc::cpu {

/// A table whose gradient and moments are compact: rows of `width` elements, of which row r of
/// the parameter has row slots[r], or none where that is below 0; such a row only decays.
struct CompactRows {
  std::int64_t width = 0; ///< 0: gradient and moments lie as the parameter does
  int slots = 0;          ///< the buffer: i32 [rows of the parameter]

  std::string key() const;
  /// Over the rows, or elements, that a launch's int 0 counts.
  IntExpr grid() const;
  /// `each` an element; none where rows are compact, for int 0 does not count those in use.
  IntExpr flops(std::int64_t each) const;
};

/// torch.optim.AdamW: p *= 1 - lr * wd; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
/// p -= lr / bc1 * m / (sqrt(v) / sqrt(bc2) + eps), bc = 1 - beta^t, given as scalars.
///   buffers  p [n], g [n], m [n], v [n], [control: control [2]], [rows: slots [n]]
///   ints     n: elements; rows: rows of p
///   scalars  lr, beta1, beta2, eps, weight_decay, bc1, bc2
struct AdamW : Kernel {
  static constexpr UpdateRule rule = UpdateRule::AdamW;
  bool control = true;
  CompactRows rows;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  IntExpr flops() const override;
  void emit(KernelBuilder &b) const override;
};

/// torch.optim.SGD: g += wd * p; buf = momentum * buf + g; p -= lr * buf. buf starts as zeros.
///   buffers  p [n], g [n], buf [n], [control: control [2]]
///   ints     n
///   scalars  lr, momentum, weight_decay
struct Sgd : Kernel {
  bool control = true;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  IntExpr flops() const override;
  void emit(KernelBuilder &b) const override;
};

/// Lion (Chen et al. 2023): p *= 1 - lr * wd; p -= lr * sign(b1 m + (1 - b1) g);
/// m = b2 m + (1 - b2) g. The sign of 0 is 0, of NaN NaN.
///   buffers  p [n], g [n], m [n], [control: control [2]], [rows: slots [n]]
///   ints     n: elements; rows: rows of p
///   scalars  lr, beta1, beta2, weight_decay
struct Lion : Kernel {
  static constexpr UpdateRule rule = UpdateRule::Lion;
  bool control = true;
  CompactRows rows;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  IntExpr flops() const override;
  void emit(KernelBuilder &b) const override;
};

/// Sums of squares of chunks of as many whole rows as 65536 elements hold, at least one, in f64.
///   buffers  g [n, width], partial f64 [ceil(n / rowsAtOnce(width))]   ints  n   scalars  none
struct SquareSum : Kernel {
  std::int64_t width = 1;

  /// Rows of a chunk.
  static std::int64_t rowsAtOnce(std::int64_t width) {
    return std::max<std::int64_t>(1, 65536 / width);
  }
  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  IntExpr flops() const override;
  void emit(KernelBuilder &b) const override;
};

/// norm = sqrt(sum of partials); control = {min(1, max_norm / (norm + 1e-6)), isfinite(norm)}.
/// max_norm <= 0 means no clipping: coefficient 1.
///   buffers  partial f64 of SquareSum, one a width; norm [1], control [2]
///   ints     n of SquareSum, one a width
///   scalars  max_norm
struct NormFinalize : Kernel {
  std::vector<std::int64_t> widths{1};

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

} // namespace ftc::cpu
