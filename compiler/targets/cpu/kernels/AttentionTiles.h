// What attention's forward and backward share: packing of keys and rows to panels in scratch,
// and the small matrix products on register tiles. With `pairs` every packed operand is words
// of bf16 pairs along the product's sum, in the room that its f32 would take.
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
  std::int64_t rowWords;   ///< with pairs: words between the packed rows of a block of queries
  std::int64_t queryWords; ///< with pairs: words of such a block; else 0
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
  /// scoreStride), and stored up to whole register tiles. `words`: with pairs, room for
  /// queryWords.
  void scores(Ptr source, std::int64_t stride, Num rows, Ptr keys, KeyRange range,
              double factor, Ptr target, std::int64_t targetStride = 0, Ptr words = {});
  /// Scores (scoreStride apart) to words along the keys of `range`, rows `stride` words apart,
  /// for timesPanels; may be in place. What range ends within is followed by zeros.
  void packScores(Ptr scores, Num rows, KeyRange range, Ptr words, std::int64_t stride);
  /// Scores to words along the rows, in place, two rows to the first of them, for
  /// addTransposed.
  void pairRows(Ptr scores, Num rows, KeyRange range);
  /// The element type of packed operands.
  Elem packed() const { return shape.pairs ? Elem::I32 : Elem::F32; }
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
  /// Steps of a sum over `count`: elements, or words.
  Num stepsOf(Num count);
  std::int64_t stepsOf(std::int64_t count) const {
    return shape.pairs ? (count + 1) / 2 : count;
  }

  KernelBuilder &b;
  const AttentionShape &shape;
};

} // namespace ftc::cpu
