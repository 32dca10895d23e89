// Attention over ragged sequences: forward, backward, and one query a row over a cache.
// One task is one sequence and one head; scores live in scratch, a block of rows at a time.
#pragma once

#include "compiler/targets/cpu/kernels/KernelSpec.h"

namespace ftc::cpu {

/// Static shape shared by forward and backward. Query head h reads key/value head
/// h / (heads / kvHeads). Rows of q, out and their gradients are queryStride elements apart,
/// of k, v and theirs keyStride (0: dense, heads * headDim and kvHeads * headDim); out is
/// always dense, as is dout.
struct AttentionShape {
  std::int64_t heads = 0, kvHeads = 0, headDim = 0;
  std::int64_t maxKeys = 512;   ///< no sequence has more keys: sizes the scratch
  std::int64_t queryStride = 0; ///< row stride of q and dq
  std::int64_t keyStride = 0;   ///< row stride of k, v, dk, dv
  double scale = 0;             ///< multiplies q k^T; 0: 1 / sqrt(headDim)
  bool causal = false;          ///< key j (within its sequence) is seen if j <= query_position
  std::int64_t window = 0;      ///< and |j - query_position| < window; 0: no such limit
  std::int64_t buckets = 0;     ///< of the relative position bias (nn.attention's); 0: none
  std::int64_t maxDistance = 0; ///< beside buckets; of positions, 0: no shared rows
  std::int64_t positions = 0;   ///< rows of the position tables (nn.attention's); 0: none
  bool positionKeys = false, positionQueries = false; ///< which tables there are
  /// Products of factors rounded to bf16, with f32 sums; isa.bf16Pairs alone, not with
  /// positions.
  bool pairs = false;

  std::string name(const char *prefix, const CpuIsa &isa) const;
  std::int64_t queryRow() const { return queryStride ? queryStride : heads * headDim; }
  std::int64_t keyRow() const { return keyStride ? keyStride : kvHeads * headDim; }
  double scaleOrDefault() const;
};

/// out = dropout(softmax(scale q k^T)) v. Query rows [query_offsets[s], query_offsets[s+1])
/// attend to key rows [key_offsets[s], key_offsets[s+1]). A query that sees no key gets zeros
/// and lse = 0; otherwise lse = log sum exp of its scaled scores. Dropout: position =
/// query_position, channel = key's index in its sequence, sequence = sequence_id[s], head =
/// query head; p = 0 draws no random bits. With buckets, bias[bucket(j - query_position), head]
/// is added to each scaled score; a sequence's positions are below its number of keys then.
/// With positions (bidirectional, kvHeads = heads, dense rows), the scores of nn.attention's
/// position tables are added to q k^T.
///   buffers  q [Tq, heads * d], k [Tk, kvHeads * d], v [Tk, kvHeads * d],
///            query_offsets [S + 1], key_offsets [S + 1], sequence_id [S],
///            query_position [Tq], out [Tq, heads * d], lse [Tq, heads],
///            [buckets: bias [buckets, heads]],
///            [positionKeys, positionQueries: a table [positions, heads * d] each]
///   ints     S, seed, step, op_id (of the dropout on probabilities)
///   scalars  p
struct Attention : Kernel {
  AttentionShape shape;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  std::int64_t scratchBytes(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// dq, dk, dv of Attention; probabilities are recomputed from lse. Every row of the three is
/// written. One task is one sequence and one key/value head. With `tableGradient` each sequence
/// leaves its own sum over the pairs of each bucket in `partial`, which TableGrad adds up. Of
/// position tables a task is `groupSequences` sequences and a head, and a group's sum is left.
///   buffers  dout [Tq, heads * d], q, k, v, out, lse, query_offsets, key_offsets,
///            sequence_id, query_position, dq, dk, dv, [buckets: bias [buckets, heads]],
///            [tables as Attention's], [tableGradient: partial [S, buckets, heads], of positions
///            one [ceil(S / groupSequences), positions, heads * d] a table]
///   ints     S, seed, step, op_id (of the dropout on probabilities)
///   scalars  p
struct AttentionGrad : Kernel {
  AttentionShape shape;
  bool tableGradient = false; ///< with buckets or positions alone
  /// Sequences of a task where position tables have gradients: few enough for parallelism, many
  /// enough that the partial sums stay small beside the activations.
  static constexpr std::int64_t groupSequences = 4;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  std::int64_t scratchBytes(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// dtable[e] = sum over s of partial[s, e], in order of s.
///   buffers  partial [S, elements], dtable [elements]
///   ints     S
///   scalars  none
struct TableGrad : Kernel {
  std::int64_t elements = 0; ///< of the table

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// One query a row against the cache rows entries[offsets[b]] ... entries[offsets[b + 1] - 1],
/// no dropout. Without entries out is zero; with a window the last `window` of them alone are
/// seen; with buckets, bias[bucket(distance from the last), head] is added to each scaled score.
/// A row's bits depend on its query and on what its entries name, in their order, not on
/// where that lies. Appending to the cache is ScatterRows.
///   buffers  q [B, heads * d], kcache [slots, kvHeads * d], vcache [slots, kvHeads * d],
///            offsets [B + 1], entries [E], out [B, heads * d],
///            [buckets: bias [buckets, heads]]
///   ints     B
///   scalars  none
struct CachedAttention : Kernel {
  std::int64_t heads = 0, kvHeads = 0, headDim = 0;
  std::int64_t maxKeys = 512; ///< no row has more entries
  double scale = 0;           ///< 0: 1 / sqrt(headDim)
  std::int64_t window = 0;    ///< 0: no limit
  std::int64_t buckets = 0;     ///< of the relative position bias, in one direction; 0: none
  std::int64_t maxDistance = 0; ///< beside buckets

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  std::int64_t scratchBytes(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

} // namespace ftc::cpu
