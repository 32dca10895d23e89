// Moves of columns between matrices over the same rows, and rotary positions within heads.
#pragma once

#include "compiler/targets/cpu/kernels/KernelSpec.h"

namespace ftc::cpu {

/// part_i = x's columns, in order; `concat`: the other way round, parts side by side.
///   buffers  x [M, W], part_0 [M, widths[0]], part_1, ...; concat: the parts, then y [M, W]
///   ints     M      scalars  none
struct SplitColumns : Kernel {
  std::vector<std::int64_t> widths;
  bool concat = false;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// nn.rotary: with n frequencies, a = position * frequency (one f32 product) and the columns
/// i and i + n of each head of 2 n: y = scale * rotation by a, by -a where `inverse`.
///   buffers  x [M, heads * 2 n], position [M], y [M, heads * 2 n] (may be x)
///   ints     M      scalars  none
struct Rotary : Kernel {
  std::int64_t heads = 0;
  std::vector<float> frequencies;
  double scale = 1;
  bool inverse = false;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  IntExpr flops() const override;
  void emit(KernelBuilder &b) const override;
};

} // namespace ftc::cpu
