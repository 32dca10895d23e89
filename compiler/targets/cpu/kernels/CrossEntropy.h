// Softmax cross-entropy with label smoothing, rows labelled -100 not counted.
#pragma once

#include "compiler/targets/cpu/kernels/KernelSpec.h"

namespace ftc::cpu {

/// row_loss[r] = (1 - e) * -log p[label] + e * mean over classes of -log p, 0 where the label
/// is -100. Labels are -100 or in [0, C). Sum over rows and division are the runtime's. With
/// `weighted`: (1 - e) * w[label] * -log p[label] + e * mean over classes of w * -log p; weights
/// of 1 and e = 0 give the bits of the kernel without them.
///   buffers  logits [R, C], labels [R], row_loss [R]; weighted: class_weights [C]
///   ints     R
///   scalars  label_smoothing
struct CrossEntropy : Kernel {
  std::int64_t classes = 0;
  bool weighted = false;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// dlogits = (softmax - target) * inv_denominator, zero rows where the label is -100; target
/// is (1 - e) at the label plus e / C everywhere. With `weighted` the target's terms are
/// (1 - e) * w[label] and e * w / C, the softmax is multiplied by the sum of both over the
/// classes.
///   buffers  logits [R, C], labels [R], dlogits [R, C] (may be logits); weighted:
///            class_weights [C]
///   ints     R
///   scalars  label_smoothing, inv_denominator
struct CrossEntropyGrad : Kernel {
  std::int64_t classes = 0;
  bool weighted = false;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

} // namespace ftc::cpu
