// Losses against a row of real targets: binary cross-entropies, squared errors.
#pragma once

#include "compiler/targets/cpu/kernels/KernelSpec.h"

namespace ftc::cpu {

/// row_loss[r] = mean over c of max(x, 0) - x t + log(1 + exp(-|x|)), or, with `squared`, of
/// (x - t)^2; x = logits[r, c], t = targets[r, c].
///   buffers  logits [R, C], targets [R, C], row_loss [R]
///   ints     R
///   scalars  none
struct TargetLoss : Kernel {
  std::int64_t columns = 0;
  bool squared = false;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// dlogits = inv_denominator / C * (sigmoid(x) - t), with `squared` of 2 (x - t).
///   buffers  logits [R, C], targets [R, C], dlogits [R, C] (may be logits or targets)
///   ints     R
///   scalars  inv_denominator
struct TargetLossGrad : Kernel {
  std::int64_t columns = 0;
  bool squared = false;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

} // namespace ftc::cpu
