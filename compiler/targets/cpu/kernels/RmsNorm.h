// RMS normalization. The gradient of gamma goes through fixed chunks of rows, so its bits don't
// depend on threads.
#pragma once

#include "compiler/targets/cpu/kernels/KernelSpec.h"

namespace ftc::cpu {

/// y = x * rstd * gamma over rows of `hidden`, rstd = 1 / sqrt(mean of x^2 + eps).
///   buffers  x [M, H], gamma [H], y [M, H] (may be x), rstd [M]
///   ints     M      scalars  none
struct RmsNorm : Kernel {
  std::int64_t hidden = 0;
  double eps = 1e-6;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  IntExpr flops() const override;
  void emit(KernelBuilder &b) const override;
};

/// dx of RmsNorm, and chunk sums of gamma's gradient: partial [ceil(M / 64)][H].
///   buffers  dy [M, H], x [M, H], rstd [M], gamma [H], dx [M, H] (may be dy), partial
///   ints     M      scalars  none
struct RmsNormGrad : Kernel {
  std::int64_t hidden = 0;

  /// Elements of `partial` for `rows` rows.
  std::int64_t partialElements(std::int64_t rows) const { return (rows + 63) / 64 * hidden; }
  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  IntExpr flops() const override;
  void emit(KernelBuilder &b) const override;
};

/// Sums RmsNormGrad's chunks, in order.
///   buffers  partial, dgamma [H]
///   ints     M (as RmsNormGrad's), accumulate (0: overwrite, 1: add)
///   scalars  none
struct RmsNormGradFinalize : Kernel {
  std::int64_t hidden = 0;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

} // namespace ftc::cpu
