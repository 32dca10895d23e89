// Example: one encoded input with its labels. What a task makes of a row and what a batch
// packs; a long row of `predict` becomes several examples of the same row.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace ftc::rt {

/// A label that the loss and the metrics do not count.
constexpr std::int32_t kIgnoredLabel = -100;

/// Where the labels of a task sit: one a sequence, one a token, an answer's first and last
/// token in each sequence, or one a token of the target that is to be written.
enum class LabelPlacement { Sequence, Token, Span, Target };

/// What was cut of the examples counted so far.
struct Cuts {
  std::int64_t examples = 0, tokens = 0;      ///< cut to max_seq_length or max_source_length
  std::int64_t targets = 0, targetTokens = 0; ///< cut to max_target_length
};

struct Example {
  std::vector<std::int32_t> ids;     ///< [tokens]
  std::vector<std::int32_t> typeIds; ///< [tokens]
  /// Sequence: [1]; Token: [tokens], kIgnoredLabel where no label is carried. Examples encoded
  /// without labels (predict) hold 0 where an output is wanted. Span: [1], the answer's first
  /// token; kIgnoredLabel without labels. Target: [target tokens], the target's own ids.
  std::vector<std::int32_t> labels;
  /// Target placement: [target tokens], the decoder's inputs: `labels` shifted right.
  std::vector<std::int32_t> targetIds;
  std::int32_t spanEnd = kIgnoredLabel; ///< Span placement: the answer's last token
  /// Sequence placement, losses against targets: [BatchLayout::targetWidth], 1 for each label
  /// that the example has, or the value to predict. Empty for other losses, and without labels.
  std::vector<float> targets;
  /// Token placement: [tokens], the row's word of each token, -1 for special tokens. Empty for
  /// sequence placement.
  std::vector<std::int32_t> wordIds;
  /// Span placement: [tokens], where each token stands in the row's context, in code points;
  /// (-1, -1) for tokens outside it. Empty when encoded for training alone.
  std::vector<std::pair<std::int32_t, std::int32_t>> offsets;
  std::int64_t truncated = 0; ///< tokens cut to fit max_seq_length or max_source_length
  std::int64_t truncatedTarget = 0; ///< tokens cut to fit max_target_length
  std::int64_t row = 0;       ///< row of the table that the example came from
  std::int64_t line = 0;      ///< that row's line in its file, from 1

  std::int64_t tokens() const { return static_cast<std::int64_t>(ids.size()); }
  std::int64_t targetTokens() const { return static_cast<std::int64_t>(targetIds.size()); }
  /// Labels that the loss counts.
  std::int64_t countedLabels() const {
    std::int64_t counted = 0;
    for (std::int32_t label : labels)
      counted += label != kIgnoredLabel;
    return counted;
  }
  /// Labelled rows that the example adds to a batch; target placement has none beside its target.
  std::int64_t labelledRows(LabelPlacement placement) const {
    return placement == LabelPlacement::Token ? countedLabels() : 1;
  }
};

} // namespace ftc::rt
