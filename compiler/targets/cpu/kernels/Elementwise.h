// Elementwise kernels (dropout, activations, gated products, addition) and moves of whole rows.
#pragma once

#include "compiler/targets/cpu/kernels/KernelSpec.h"

namespace ftc::cpu {

/// y = dropout(x), Kernel.h's bits with head 0; p = 0 copies. Its own backward, on gradients.
///   buffers  x [M, H], row_sequence [M], row_position [M], y [M, H] (may be x)
///   ints     M, seed, step, op_id
///   scalars  p
struct Dropout : Kernel {
  std::int64_t hidden = 0;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// y[i] = act(x[i]).
///   buffers  x [n], y [n] (of f32: may be x)      ints  n      scalars  none
struct ActivationForward : Kernel {
  Activation act = Activation::Gelu;
  Elem result = Elem::F32; ///< of y: F32 or BF16

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// dx[i] = dy[i] * act'(pre[i]).
///   buffers  dy [n], pre [n], dx [n] (may be dy)      ints  n      scalars  none
struct ActivationGrad : Kernel {
  Activation act = Activation::Gelu;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// y[i] = act(gate[i]) * up[i].
///   buffers  gate [n], up [n], y [n] (of f32: may be gate or up)      ints  n      scalars  none
struct Gated : Kernel {
  Activation act = Activation::Silu;
  Elem result = Elem::F32; ///< of y: F32 or BF16

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// dgate[i] = dy[i] * up[i] * act'(gate[i]), dup[i] = dy[i] * act(gate[i]).
///   buffers  dy [n], gate [n], up [n], dgate [n], dup [n] (each may be one of the first three)
///   ints     n      scalars  none
struct GatedGrad : Kernel {
  Activation act = Activation::Silu;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// y[i] = a[i] + b[i].
///   buffers  a [n], b [n], y [n] (may be a or b)      ints  n      scalars  none
struct Add : Kernel {
  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// y[i] = factor * x[i].
///   buffers  x [n], y [n] (may be x)      ints  n      scalars  none
struct Scale : Kernel {
  double factor = 1;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// y[r] = x[rows[r]].
///   buffers  x [any, H], rows [R], y [R, H]      ints  R      scalars  none
struct GatherRows : Kernel {
  std::int64_t hidden = 0;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// y[s] = mean of x[r] for r in [offsets[s], offsets[s + 1]), summed in order; zeros where
/// there are none. `gradient`: dx[r] = dy[s] / (offsets[s + 1] - offsets[s]), of dy [S, H].
///   buffers  x [T, H], offsets [S + 1], y [S, H]; gradient: dy, offsets, dx [T, H]
///   ints     S      scalars  none
struct MeanRows : Kernel {
  std::int64_t hidden = 0;
  bool gradient = false;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// y[rows[r]] = x[r], or += when `add`; `rows` are distinct. Other rows of y are left alone: a
/// Fill before it gives the gradient of GatherRows. Appends to a cache, too.
///   buffers  x [R, H], rows [R], y [any, H]      ints  R      scalars  none
struct ScatterRows : Kernel {
  std::int64_t hidden = 0;
  bool add = false;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

} // namespace ftc::cpu
