// Optimizer updates over contiguous elements, and the global norm that scales or stops them.
// control [2] f32 = {coefficient multiplied into gradients, 1 if they are finite else 0}: with
// a 0 flag an update leaves every buffer untouched bit for bit. Updates without `control`
// (fused behind a gradient) have no such buffer: coefficient 1, always applied.
#pragma once

#include "compiler/targets/cpu/kernels/KernelSpec.h"

namespace ftc::cpu {

/// torch.optim.AdamW: p *= 1 - lr * wd; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
/// p -= lr / bc1 * m / (sqrt(v) / sqrt(bc2) + eps), bc = 1 - beta^t, given as scalars.
///   buffers  p [n], g [n], m [n], v [n], [control: control [2]]
///   ints     n
///   scalars  lr, beta1, beta2, eps, weight_decay, bc1, bc2
struct AdamW : Kernel {
  bool control = true;

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
  void emit(KernelBuilder &b) const override;
};

/// Lion (Chen et al. 2023): p *= 1 - lr * wd; p -= lr * sign(b1 m + (1 - b1) g);
/// m = b2 m + (1 - b2) g. The sign of 0 is 0, of NaN NaN.
///   buffers  p [n], g [n], m [n], [control: control [2]]
///   ints     n
///   scalars  lr, beta1, beta2, weight_decay
struct Lion : Kernel {
  bool control = true;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// Sums of squares of chunks of 65536 elements, in f64.
///   buffers  g [n], partial f64 [ceil(n / 65536)]      ints  n      scalars  none
struct SquareSum : Kernel {
  static constexpr std::int64_t chunk = 65536;
  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// norm = sqrt(sum of partial); control = {min(1, max_norm / (norm + 1e-6)), isfinite(norm)}.
/// max_norm <= 0 means no clipping: coefficient 1.
///   buffers  partial f64 [ceil(n / 65536)], norm [1], control [2]
///   ints     n (as SquareSum's)
///   scalars  max_norm
struct NormFinalize : Kernel {
  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

} // namespace ftc::cpu
