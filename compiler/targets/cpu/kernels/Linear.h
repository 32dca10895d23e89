// Linear layers on packed weight panels: forward, input gradient, weight gradient.
// One GEMM body serves forward and dgrad; wgrad writes the panel layout directly. With `pairs`
// both factors are rounded to bf16, two along the sum to a 32-bit word, and the sums stay f32.
#pragma once

#include "compiler/targets/cpu/kernels/KernelSpec.h"
#include "compiler/targets/cpu/kernels/UpdateRules.h"

#include <optional>

namespace ftc::cpu {

/// Y[M, out] = epilogue(X[M, in] W^T), W[out, in] in panels of out:
///   y = x W^T;  y += u F^T (rank > 0);  y += bias;  y += addend;  pre = y;  y = act(y);  y *=
///   gradAct'(saved)
/// Forward: {in, out, bias, act, savePre}. dgrad: {in = layer's out, out = layer's in, with
/// the weight of PackTransposed}, gradAct for the derivative of the activation before it.
/// A row's bits depend on that row of X alone.
/// With `pairs` w is panels of words [ceil(out / NR)][ceil(in / 2)][NR], from PackPairs or
/// PackTransposed; u and f stay f32.
///   buffers  x [M, in], w panels, [rank: u [M, rank], f panels of F[out, rank]],
///            [bias: bias [out]], [add: addend [M, out], may be y],
///            [gradAct: saved [M, out]], y [M, out], [savePre: pre [M, out]]
///   ints     M
///   scalars  none
struct Linear : Kernel {
  std::int64_t in = 0, out = 0;
  Elem weightType = Elem::F32; ///< of `w` alone; BF16 and F16 give the bits of w widened to f32
  bool pairs = false;          ///< isa.bf16Pairs alone; then weightType is not looked at
  std::int64_t rank = 0;       ///< inner dimension of a second product, at most 256
  bool bias = false;
  bool add = false;
  Activation act = Activation::None;
  bool savePre = false; ///< only with an activation
  Activation gradAct = Activation::None;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  std::int64_t scratchBytes(const CpuIsa &isa) const override;
  IntExpr flops() const override;
  void emit(KernelBuilder &b) const override;
};

/// Words of a weight's panels of pairs: those of a matrix with half the rows of k.
std::int64_t pairWords(std::int64_t in, std::int64_t out, const CpuIsa &isa);

/// Weight panels of W[out, in] to panels of words: what Linear reads with `pairs`. Behind an
/// odd `in` stands a zero. Size: pairWords(in, out, isa).
///   buffers  w panels of `weightType`, words      ints  none      scalars  none
struct PackPairs : Kernel {
  std::int64_t in = 0, out = 0;
  Elem weightType = Elem::F32;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// Weight panels of W[out, in] to panels of its transpose: [ceil(in / NR)][out][NR], columns
/// beyond `in` zero: what dgrad's Linear reads. Size: packedElements(out, in, isa), with
/// `pairs` pairWords(out, in, isa).
///   buffers  w panels of `weightType`, wt panels      ints  none      scalars  none
struct PackTransposed : Kernel {
  std::int64_t in = 0, out = 0; ///< of the layer, as in its forward Linear
  Elem weightType = Elem::F32;
  bool pairs = false;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// dW (panels of out) = dY^T X and dbias[out] = column sums of dY; padded columns get zeros.
/// The order of additions over rows is fixed by M alone. With M = 0 gradients are zeroed, or
/// kept when accumulating. With `pairs` dbias is of dY as it is, not rounded.
///   buffers  x [M, in], dy [M, out], dw panels, [bias: dbias [out]]
///   ints     M, accumulate (0: overwrite, 1: add to what is there)
///   scalars  none
/// With `update` a task keeps its block of dW in scratch and, behind the last rows, updates its
/// block of the weight: the bits of the update's own kernel, padding included.
///   buffers  x, dy, weight panels, its moments in panels, [bias: bias [out], its moments
///   [out]] ints     M scalars  the rule's, for the weight; [bias: weight_decay of the bias]
struct LinearWeightGrad : Kernel {
  std::int64_t in = 0, out = 0;
  bool bias = false;
  bool pairs = false; ///< isa.bf16Pairs alone
  std::optional<UpdateRule> update;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  std::int64_t scratchBytes(const CpuIsa &isa) const override;
  IntExpr flops() const override;
  void emit(KernelBuilder &b) const override;
};

} // namespace ftc::cpu
