// Batch: examples packed into one stream of tokens (no padding), with the index arrays that
// compiled programs read by name. Buffers are made once; packing allocates nothing.
#pragma once

#include "runtime/support/Status.h"
#include "runtime/tasks/Example.h"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ftc::rt {

/// What one micro-batch may hold; the capacities an artifact was compiled for.
struct BatchCapacity {
  std::int64_t tokens = 0;
  std::int64_t sequences = 0;
  std::int64_t labelled = 0; ///< labelled rows; unused but for LabelPlacement::Token
  std::int64_t target = 0;   ///< target tokens; unused but for LabelPlacement::Target
};

struct BatchLayout {
  LabelPlacement placement = LabelPlacement::Sequence;
  /// Added to the position within the sequence: 0 for BERT, padding_idx + 1 for RoBERTa.
  std::int32_t positionOffset = 0;
  /// A sequence's last row is its last token other than this one; -1: its last token.
  std::int32_t padToken = -1;
  /// Numbers that each sequence's loss is taken against (Example::targets); 0: it has labels.
  std::int64_t targetWidth = 0;
};

/// Examples [begin, end) of a batch that run together.
struct MicroBatch {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// An output row of a program belongs to this token of this example; token is -1 where an
/// output belongs to the whole sequence. `example` counts within the accumulated batch.
struct OutputRow {
  std::int64_t example = 0;
  std::int32_t token = -1;
};

/// Symbols without a capacity: they count what no size follows from. The numbers of pairs are a
/// batch's (see Batch), the others a run's.
inline constexpr std::array<const char *, 7> kCounters{
    "seed", "step", "accumulate", "token_pairs", "labelled_pairs", "target_pairs", "cross_pairs"};

/// One micro-batch in packed form. With T tokens, S sequences and R labelled rows (tokens
/// whose label is not -100; other placements: R = S) the arrays, all int32, are these; target
/// placement has a second stream of G target tokens (then R = G):
///   input_ids, token_type_ids, position_ids [T]
///   cu_seqlens [S+1]        where each sequence begins
///   token_sequence [T]      index of the token's sequence within the accumulated batch
///   token_position [T]      position within the sequence, from 0
///   sequence_id [S]         index of the sequence within the accumulated batch
///   first_rows [S]          row of each sequence's first token
///   zero_positions [S]      zeros: the first token's position
///   last_rows [S]           row of each sequence's last token that is not the padding token
///                           (its first token where all are), as decoders' classifiers read
///   last_positions [S]      that token's position within its sequence
///   sequence_offsets [S+1]  0 … S: where each sequence begins among rows that are sequences
///   labels                  [S] for sequence placement, [R] for token and target placement
///   targets                 [S, targetWidth], f32: see floats(); only with a targetWidth;
///   zeros
///                           for examples without labels
///   start_positions, end_positions [S]   span placement alone: the answer's first and last
///     token, counted within the sequence; -100 where there is no label
///   labelled_rows, labelled_sequence, labelled_position [R]   token placement alone
///   labelled_offsets [S+1]  where each sequence begins among labelled rows, likewise
///   target_ids, target_position_ids, target_sequence, target_position [G],
///   target_cu_seqlens [S+1]   target placement alone: the same of the decoder's inputs
///   X.order [T], X.segments [U+1], X.rows [U]  for X in input_ids, token_type_ids and
///     position_ids, [G] in target_ids and target_position_ids: token rows stably sorted by id,
///     where each distinct id's rows begin in `order`, and the distinct ids ascending: what a
///     deterministic embedding gradient reads
/// Symbols: tokens = T, target = G, sequences = S, labelled = R, X.unique = U; and, of work
/// that is done for pairs of rows of one sequence, their numbers: token_pairs, target_pairs,
/// labelled_pairs (of labelled rows and tokens), cross_pairs (of target tokens and tokens).
/// token_pairs.W and labelled_pairs.W count those less than W positions apart.
class Batch {
public:
  /// Makes every buffer at its capacity. Fails when a capacity is not in [1, 2^31 - 2].
  static Result<Batch> make(const BatchCapacity &capacity, const BatchLayout &layout);

  /// Packs `examples`, in order. `firstSequence` is the index of the first of them within the
  /// accumulated batch. Allocates nothing. Fails when a capacity is exceeded, when an example
  /// is empty, or when its arrays disagree in length; the batch is then empty.
  Status pack(std::span<const Example *const> examples, std::int64_t firstSequence);

  /// The array of that name at its current size, or nothing when there is none. The pointer
  /// stays valid, and the same, for the life of the batch.
  std::optional<std::span<const std::int32_t>> array(std::string_view name) const;
  /// The array of floats of that name, likewise.
  std::optional<std::span<const float>> floats(std::string_view name) const;
  /// The most elements that array can ever have.
  std::optional<std::int64_t> arrayCapacity(std::string_view name) const;
  /// The value of a symbol, or nothing when there is none of that name.
  std::optional<std::int64_t> symbol(std::string_view name) const;
  /// Every array's name, in a fixed order.
  std::span<const std::string> arrayNames() const { return names; }

  /// Every symbol's name, but those of windows.
  static std::span<const std::string_view> symbolNames();

  std::int64_t tokens() const { return tokenCount; }
  std::int64_t targetTokens() const { return targetCount; }
  std::int64_t sequences() const { return sequenceCount; }
  /// Rows that the label arrays have (R).
  std::int64_t labelled() const { return labelledCount; }
  /// Labels that the loss counts in this micro-batch.
  std::int64_t countedLabels() const { return countedCount; }
  const BatchCapacity &capacity() const { return limits; }
  const BatchLayout &layout() const { return form; }

  /// Which example and token output row `row` belongs to when a program gives one row a
  /// label (token placement: a labelled row; other placements: a sequence).
  OutputRow labelledOutput(std::int64_t row) const;
  /// The same when a program gives one row a token.
  OutputRow tokenOutput(std::int64_t row) const;

private:
  // Position of each array in `storage`; kNames holds their names in the same order.
  enum Slot : std::size_t {
    InputIds, TokenTypeIds, PositionIds, CuSeqlens, TokenSequence, TokenPosition, SequenceId,
    FirstRows, ZeroPositions, LastRows, LastPositions, SequenceOffsets, Labels, LabelledRows,
    LabelledSequence, LabelledPosition, LabelledOffsets,
    InputOrder, InputSegments, InputRows, TypeOrder, TypeSegments, TypeRows,
    PositionOrder, PositionSegments, PositionRows, StartPositions, EndPositions,
    TargetIds, TargetPositionIds, TargetSequence, TargetPosition, TargetCuSeqlens,
    TargetOrder, TargetSegments, TargetRows,
    TargetPositionOrder, TargetPositionSegments, TargetPositionRows, SlotCount
  };

  Batch() = default;
  bool has(Slot slot) const;
  std::int64_t slotSize(Slot slot) const;
  std::int64_t slotCapacity(Slot slot) const;
  std::optional<Slot> findSlot(std::string_view name) const;
  Status checkFit(std::span<const Example *const> examples) const;
  std::int64_t tokenPairsWithin(std::int64_t window) const;
  std::int64_t labelledPairsWithin(std::int64_t window) const;
  void appendExample(const Example &example, std::int32_t sequence);
  void appendTarget(const Example &example, std::int32_t sequence);
  void sortIds(Slot ids, Slot order, std::int64_t count, std::int64_t &unique);

  BatchCapacity limits;
  BatchLayout form;
  std::array<std::vector<std::int32_t>, SlotCount> storage;
  std::vector<float> targetStorage; ///< [sequences, targetWidth]
  std::vector<std::int32_t> sortScratch;
  std::vector<std::string> names;
  std::int64_t tokenCount = 0, sequenceCount = 0, labelledCount = 0, countedCount = 0;
  std::int64_t targetCount = 0;
  std::int64_t tokenPairs = 0, labelledPairs = 0, targetPairs = 0, crossPairs = 0;
  std::int64_t uniqueInputs = 0, uniqueTypes = 0, uniquePositions = 0;
  std::int64_t uniqueTargets = 0, uniqueTargetPositions = 0;
  std::int64_t firstSequenceIndex = 0;
};

/// Labels that the loss counts over a whole accumulated batch: its denominator.
std::int64_t countLabels(std::span<const Example *const> examples);

/// Cuts a batch, in order, into the fewest greedy micro-batches that fit. `out` is cleared
/// and reused. Fails when one example alone exceeds a capacity, naming what it needs.
Status splitMicroBatches(std::span<const Example *const> examples,
                         const BatchCapacity &capacity, LabelPlacement placement,
                         std::vector<MicroBatch> &out);

} // namespace ftc::rt
