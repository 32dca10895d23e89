// Layer normalization, alone or fused with dropout and the residual addition before it.
// Parameter gradients go through fixed chunks of rows, so their bits don't depend on threads.
#pragma once

#include "compiler/targets/cpu/kernels/KernelSpec.h"

namespace ftc::cpu {

/// y = (s - mean) * rstd * gamma + beta over rows of `hidden`, rstd = 1 / sqrt(var + eps).
/// Plain: s = x. Fused (`residual`): s = residual + dropout(x), written to `sum`; the dropout
/// is Kernel.h's with head 0, and p = 0 draws no random bits. Without `bias` there is no beta.
///   buffers  plain: x [M, H], gamma [H], beta [H], y [M, H], mean [M], rstd [M]
///            fused: x [M, H], residual [M, H], row_sequence [M], row_position [M],
///                   gamma [H], beta [H], sum [M, H] (may be x or residual), y [M, H],
///                   mean [M], rstd [M]
///   ints     plain: M                   fused: M, seed, step, op_id
///   scalars  plain: none                fused: p
struct LayerNorm : Kernel {
  std::int64_t hidden = 0;
  double eps = 1e-12;
  bool residual = false;
  bool bias = true;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  IntExpr flops() const override;
  void emit(KernelBuilder &b) const override;
};

/// dx of LayerNorm (for the fused form: the gradient of `sum`, which is also the residual's),
/// `dropped` = that gradient through the dropout to x, and chunk sums of the parameters'
/// gradients: partial [ceil(M / 64)][2][H], row 0 gamma's, row 1 beta's.
///   buffers  plain: dy [M, H], s [M, H], mean [M], rstd [M], gamma [H], dx [M, H] (may be
///                   dy), partial
///            fused: dy, s, mean, rstd, gamma, row_sequence [M], row_position [M], dx,
///                   dropped [M, H] (may not be dy), partial
///   ints     plain: M                   fused: M, seed, step, op_id
///   scalars  plain: none                fused: p
/// With p = 0 `dropped` is a copy of dx.
struct LayerNormGrad : Kernel {
  std::int64_t hidden = 0;
  bool residual = false;

  /// Elements of `partial` for `rows` rows.
  std::int64_t partialElements(std::int64_t rows) const {
    return (rows + 63) / 64 * 2 * hidden;
  }
  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  IntExpr flops() const override;
  void emit(KernelBuilder &b) const override;
};

/// Sums LayerNormGrad's chunks, in order. Without `bias` there is no dbeta.
///   buffers  partial, dgamma [H], dbeta [H]
///   ints     M (as LayerNormGrad's), accumulate (0: overwrite, 1: add)
///   scalars  none
struct LayerNormGradFinalize : Kernel {
  std::int64_t hidden = 0;
  bool bias = true;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

} // namespace ftc::cpu
