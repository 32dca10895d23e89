// AdamW with blockwise 8-bit moments (Dettmers et al. 2021), bitsandbytes' AdamW8bit.
#pragma once

#include "compiler/targets/cpu/kernels/KernelSpec.h"

#include <array>
#include <vector>

namespace ftc::cpu {

/// bitsandbytes' create_dynamic_map(signed): 256 ascending values in [-1, 1] or [0, 1],
/// computed in f32 as torch computes them.
std::array<float, 256> dynamicMap(bool isSigned);

/// What a kernel needs to find the nearest value of a map with two loads. A value's sign,
/// exponent and first bits of mantissa name a cell; a cell holds at most one threshold between
/// two codes, so that code = cells[cell] + (x > thresholds[cells[cell]]).
struct CodeSearch {
  explicit CodeSearch(bool isSigned);

  int shift;               ///< of a float's bits: what is left of them counts cells
  std::int32_t firstCell;  ///< the shifted bits of the least magnitude told from 0
  std::int32_t magnitudes; ///< cells of one sign
  std::vector<float> map, thresholds;
  std::vector<std::int32_t> cells; ///< positive ones, then, where signed, negative ones
};

/// AdamW's update (Optimizer.h) of a parameter of `columns` a row whose moments are codes of
/// dynamicMap(true) and dynamicMap(false), in blocks of 256 elements of the canonical row-major
/// order, also where the parameter lies in panels or transposed: padding is in no block. m and v
/// enter the step unrounded; then each block is divided by its largest magnitude and rounded to the
/// nearest code, the lower of two equally near.
///   buffers  p, g, m u8 [n], v u8 [n], m_absmax [ceil(n / 256)], v_absmax [ceil(n / 256)],
///            [control [2]]
///   ints     n, columns, blocks a task, tasks
///   scalars  lr, beta1, beta2, eps, weight_decay, bc1, bc2
struct AdamW8bit : Kernel {
  int panelWidth = 0;      ///< 0: row-major
  bool transposed = false; ///< what lies in memory is the matrix' transpose
  bool control = true;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  std::int64_t scratchBytes(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

} // namespace ftc::cpu
