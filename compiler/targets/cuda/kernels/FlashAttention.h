// Attention over ragged sequences by tiles in shared memory, without a matrix of scores: the
// online softmax of FlashAttention (Dao et al. 2022), and its backward in two passes, one that
// owns queries and one that owns keys, so that nothing is added atomically.
#pragma once

#include "compiler/targets/cpu/kernels/Attention.h"
#include "compiler/targets/cuda/BlockKernel.h"

namespace ftc::cuda {

/// cpu::Attention's equation, and of AttentionGrad dq (`Queries`) or dk and dv (`Keys`); causal
/// masks and windows, shared key heads, relative biases, dropout. A block owns 32 queries of a sequence and
/// head, or 64 keys of a sequence and key head. A row's bits depend on its sequence alone.
///   buffers  Forward: as cpu::Attention without position tables
///            Queries: dout, q, k, v, out, lse, query_offsets, key_offsets, sequence_id,
///            query_position, dq, [buckets: bias], [tableGradient: partial
///            [S * blocks(), buckets, heads]];   Keys: the same to query_position, dk, dv, [bias]
///   ints     S, seed, step, op_id
///   scalars  p
struct FlashAttention : BlockKernel {
  enum class Part { Forward, Queries, Keys };
  cpu::AttentionShape shape;
  Part part = Part::Forward;
  std::int64_t maxRows = 512; ///< no sequence has more queries (Keys: keys)
  bool tableGradient = false; ///< Queries with buckets: the block's sums of the bias's gradient

  std::int64_t rowsOfBlock() const { return part == Part::Keys ? 64 : 32; }
  std::int64_t headsOfGrid() const { return part == Part::Keys ? shape.kvHeads : shape.heads; }
  std::int64_t blocks() const { return (maxRows + rowsOfBlock() - 1) / rowsOfBlock(); }

  /// Whether there is such a kernel of `shape`.
  static bool covers(const cpu::AttentionShape &shape);

  std::string key(const cpu::CpuIsa &isa) const override;
  cpu::IntExpr grid(const cpu::CpuIsa &isa) const override;
  int threads() const override { return part == Part::Keys ? 256 : 128; }
  std::int64_t sharedBytes() const override;
  void emit(KernelBuilder &b) const override;
};

} // namespace ftc::cuda
