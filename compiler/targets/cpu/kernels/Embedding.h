// Embedding tables: the sum of up to three gathers, and the gradient by sorted segments.
#pragma once

#include "compiler/targets/cpu/kernels/KernelSpec.h"

#include <array>

namespace ftc::cpu {

/// out[t] = table0[ids0[t]] (+ table1[ids1[t]] (+ table2[ids2[t]])), added left to right.
/// Tables are row-major [rows, H], of any type of `types`; ids are trusted to be in range.
///   buffers  table0, ids0 [T], [table1, ids1 [T]], [table2, ids2 [T]], out [T, H]
///   ints     T
///   scalars  none
struct EmbeddingSum : Kernel {
  std::int64_t hidden = 0;
  int tables = 1; ///< 1 to 3
  std::array<Elem, 3> types{Elem::F32, Elem::F32, Elem::F32};

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// grad[rows[u]] += dy[order[segments[u]]] + ... + dy[order[segments[u + 1] - 1]], summed in
/// that order, then added once. `rows` are distinct; row `padding` of grad stays as it is.
/// `compact`: grad[slots[rows[u]]] += ..., slots of `rows` distinct and at least 0.
///   buffers  dy [T, H], order [T], segments [U + 1], rows [U], grad [rows of table, H],
///            [compact: slots [rows of table]]
///   ints     U
///   scalars  none
struct EmbeddingGrad : Kernel {
  std::int64_t hidden = 0;
  std::int64_t padding = -1; ///< -1: none
  bool compact = false;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

} // namespace ftc::cpu
