// Disentangled attention's position terms inside attention's kernels: products of queries with
// position keys and of keys with position queries, a column a row of the tables, from which
// each score gathers its own; and the way back.
#pragma once

#include "compiler/targets/cpu/kernels/AttentionTiles.h"

namespace ftc::cpu {

/// The row of a position table of `rows` rows that a query and a key `distance` apart (query
/// minus key) read: nn.attention's, in f32 as transformers' make_log_bucket_position. With
/// maxDistance 0 no distances share a row but those beyond the table.
std::int64_t positionRow(std::int64_t distance, std::int64_t rows, std::int64_t maxDistance);

/// Scratch of the terms, in elements; all 0 without tables.
struct PositionSizes {
  PositionSizes(const AttentionShape &shape, const CpuIsa &isa);

  std::int64_t stride = 0;     ///< between rows of products: the tables' rows in whole panels
  std::int64_t transposed = 0; ///< a table's panels for scores: [panel][headDim][keyWidth]
  std::int64_t packed = 0;     ///< a table's panels of head columns: [panel][rows][headWidth]
  std::int64_t block = 0;      ///< products of a block of queries
  std::int64_t whole = 0;      ///< products of a sequence's keys
  std::int64_t forward = 0, backward = 0; ///< the whole scratch of each kernel
};

/// One head's terms. Products are [rows][stride], scaled as the scores are. A query's products
/// are of the block of queries at hand, a key's of its whole sequence, made by begin().
class PositionTerms {
public:
  /// `scratchAt`: its scratch, in elements from the kernel's.
  PositionTerms(KernelBuilder &b, const AttentionShape &shape, AttentionTiles &tiles,
                int firstBuffer, std::int64_t scratchAt, bool backward);

  /// Packs what the queries [first, last) of a sequence of `keyCount` keys read of the tables,
  /// and makes the products of its keys; clears their slopes.
  void begin(Num head, Ptr positions, Num first, Num last, Ptr k, Num keyCount);
  /// block[i][j] += the terms of query row + i and key j, for a block of `rows` queries from q.
  void addTo(Ptr block, Ptr q, Ptr positions, Num row, Num rows, Num keyCount);
  /// Sums slopes[i][j] (of scaled scores) into the products they came from; adds dq's share,
  /// and to `dkeys`, a group's gradient of the position keys [positions, heads * d] at this
  /// head, where there is one. queryBlock: the block's queries in panels.
  void addBackward(Ptr slopes, Ptr queryBlock, Ptr positions, Num row, Num rows, Num keyCount,
                   Ptr dq, Ptr dkeys);
  /// Adds the sequence's share to dk, and to `dqueries` as dkeys. keyPanels: the keys in
  /// panels.
  void finishBackward(Ptr keyPanels, Num keyCount, Ptr dk, Ptr dqueries);

  const PositionSizes sizes;

private:
  /// The table's rows [range] at the head, packed as the products need them.
  void pack(Ptr table, Num head, Ptr transposed, Ptr panels);
  void clear(Ptr products, Num rows);
  /// The table's row of `position` and key 0; that of key j is j further.
  Ptr rowsOf(Num position);

  KernelBuilder &b;
  const AttentionShape &shape;
  AttentionTiles &tiles;
  bool backward;
  std::int64_t dense; ///< columns of the tables
  Ptr keyTable, queryTable, rowLine;
  Ptr keysTransposed, queriesTransposed, keyPanels, queryPanels;
  Ptr queryProducts, keyProducts, querySlopes, keySlopes;
  KeyRange range; ///< the tables' rows that the sequence at hand reads, from a panel on
};

} // namespace ftc::cpu
