// Rows beside their neighbours within a sequence, for convolutions as linear layers.
#pragma once

#include "compiler/targets/cpu/kernels/KernelSpec.h"

namespace ftc::cpu {

/// y[r, size c + t] = x[r + t - size / 2, c] where that row is of r's sequence, else 0.
/// `gradient`: dx[r, c] = sum of dy[r - t + size / 2, size c + t] over such rows, by growing t.
///   buffers  x [T, hidden], offsets [S + 1], y [T, hidden * size]; gradient: dy, offsets, dx
///   ints     S      scalars  none
struct Unfold : Kernel {
  std::int64_t hidden = 0, size = 3;
  bool gradient = false;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// y[i] = step * i of a table's `count` rows.
///   buffers  y [count], i32      ints  none      scalars  none
struct Iota : Kernel {
  std::int64_t count = 0, step = 1;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

} // namespace ftc::cpu
