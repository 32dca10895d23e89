// The sum of a weight gradient's chunks with the update in it: the gradient never lies in
// memory.
#pragma once

#include "compiler/targets/cpu/kernels/KernelSpec.h"
#include "compiler/targets/cpu/kernels/UpdateRules.h"

namespace ftc::cuda {

/// Adds partial[0][i] + partial[1][i] + ... to 0 in GemmReduce's order (Gemm.h), and updates
/// element i by the sum.
///   buffers  partial [chunks][out * in + out], weight [out, in], its moments,
///            [bias: bias [out], its moments]
///   ints     M
///   scalars  the rule's (UpdateRules.h), [bias: the bias's weight_decay]
struct GemmUpdate : cpu::Kernel {
  std::int64_t in = 0, out = 0, chunk = 0;
  bool bias = false;
  cpu::UpdateRule rule = cpu::UpdateRule::AdamW;

  std::string key(const cpu::CpuIsa &isa) const override;
  cpu::IntExpr grid(const cpu::CpuIsa &isa) const override;
  cpu::IntExpr flops() const override;
  void emit(cpu::KernelBuilder &b) const override;
};

} // namespace ftc::cuda
