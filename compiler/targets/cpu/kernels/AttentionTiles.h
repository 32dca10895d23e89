// What attention's forward and backward share: packing of keys and rows to panels in scratch,
// and the small matrix products on register tiles.
#pragma once

#include "compiler/targets/cpu/KernelBuilder.h"
#include "compiler/targets/cpu/kernels/Attention.h"

namespace ftc::cpu {

/// The static sizes, in elements.
struct AttentionSizes {
  AttentionSizes(const AttentionShape &shape, const CpuIsa &isa);

  static constexpr std::int64_t blockRows = 24; ///< query rows at a time
  std::int64_t keyWidth;                        ///< keys of a panel of K^T or V^T
  std::int64_t transposed;   ///< elements of K^T's panels: [panel][headDim][keyWidth]
  std::int64_t scoreStride;  ///< between rows of scores: whole panels and dropout blocks
  std::int64_t scores;       ///< elements of a block of scores
  int headVectors;           ///< vectors of a panel of V or K: [panel][row][headWidth]
  int headRows;              ///< rows of the register tile with that width
  std::int64_t headWidth;    ///< columns of that panel
  std::int64_t headPanels;   ///< panels to cover headDim
  std::int64_t headElements; ///< elements of such panels for maxKeys rows
};

/// Keys [begin, end) of a sequence, i64.
struct KeyRange {
  Num begin, end;
};

class AttentionTiles {
public:
  AttentionTiles(KernelBuilder &b, const AttentionShape &shape);

  const AttentionSizes sizes;

  /// Rows [0, count) of `source`, `stride` apart, transposed to panels of keys. Columns beyond
  /// `count` repeat the last row.
  void packTransposed(Ptr source, std::int64_t stride, Num count, Ptr target);
  /// Rows [0, count) to panels of head columns, `capacity` rows each, columns padded by zeros.
  void packRows(Ptr source, std::int64_t stride, Num count, std::int64_t capacity, Ptr target);
  /// target[i][j] = factor * source row i . key j, for `rows` rows and the panels that hold
  /// `range`, which begins with a panel. Rows of `target` are targetStride apart (0:
  /// scoreStride), and stored up to whole register tiles.
  void scores(Ptr source, std::int64_t stride, Num rows, Ptr keys, KeyRange range,
              double factor, Ptr target, std::int64_t targetStride = 0);
  /// Calls store(row i, column, mask, sums) for the columns `range` of left times those rows of
  /// panels of `capacity` rows; left's rows are leftStride (0: scoreStride) apart.
  void timesPanels(Ptr left, Num rows, Ptr panels, std::int64_t capacity, KeyRange range,
                   const std::function<void(Num row, Num column, Num mask, Num sum)> &store,
                   std::int64_t leftStride = 0);
  /// target[j] += sum over i of left[i][j] * panels row i, for j in `range`; target's rows are
  /// `stride` apart, left's leftStride (0: scoreStride).
  void addTransposed(Ptr left, Num count, Ptr panels, std::int64_t capacity, KeyRange range,
                     Ptr target, std::int64_t stride, std::int64_t leftStride = 0);
  /// Whether a query may see less than all keys of its sequence.
  bool masks() const { return shape.causal || shape.window > 0; }
  /// The keys query `position` sees, of keyCount; begin <= end.
  KeyRange visible(Num keyCount, Num position);
  /// What the queries at positions[row + i], i < rows, see together, from the beginning of a
  /// panel of keys: all that is outside has probability 0 for each of them.
  KeyRange visibleToAny(Num keyCount, Ptr positions, Num row, Num rows);
  /// Lanes l with begin <= at + l < end.
  Num inside(Num at, KeyRange range);

private:
  Num columnMask(Num column);

  KernelBuilder &b;
  const AttentionShape &shape;
};

} // namespace ftc::cpu
