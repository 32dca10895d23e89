// The span loss: softmaxes of two columns over the rows of each sequence.
#pragma once

#include "compiler/targets/cpu/kernels/KernelSpec.h"

namespace ftc::cpu {

/// row_loss[s] = -(log p_start[starts[s]] + log p_end[ends[s]]) / 2 over the rows of sequence
/// s, 0 where starts[s] is -100. Positions count from the sequence's first row and lie inside
/// it; a sequence without rows is labelled -100.
///   buffers  logits [T, 2], offsets [S + 1], starts [S], ends [S], row_loss [S]
///   ints     S
///   scalars  none
struct SpanLoss : Kernel {
  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// dlogits = (softmax - target) * inv_denominator / 2, column by column, zero in the rows of
/// sequences labelled -100.
///   buffers  logits [T, 2], offsets [S + 1], starts [S], ends [S], dlogits [T, 2]
///   ints     S
///   scalars  inv_denominator
struct SpanLossGrad : Kernel {
  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

} // namespace ftc::cpu
