// Summarization and translation with a decoder alone: the source becomes a prompt, the target
// what the model learns to write after it.
#pragma once

#include "runtime/tasks/TextPair.h"

namespace ftc::rt {

/// An example is one sequence of three texts, each encoded by itself, so that a prompt's ids
/// are the same in training and generation: prefix and source as the tokenizer encodes a text,
/// the task's separator, and the target with the end of text behind it. The prompt counts
/// nothing in the loss. The source's end is cut where prompt or target would be too long, never
/// the separator or the end of text. EncodeSettings::maxSeqLength is the prompt's,
/// TargetSettings::maxLength the target's.
class PromptedTextTask : public TextPairTask {
public:
  LabelPlacement labelPlacement() const override { return LabelPlacement::Token; }
  Result<Example> encode(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                         const LabelSet &labels, const Tokenizer &tokenizer,
                         const EncodeSettings &settings) const override;
  Status checkRoom(const Tokenizer &tokenizer, const EncodeSettings &settings) const override;
  Status encodeForPrediction(const DataTable &table, std::int64_t row,
                             const TaskColumns &columns, const Tokenizer &tokenizer,
                             const EncodeSettings &settings,
                             std::vector<Example> &out) const override;

private:
  /// The separator's ids, where a prompt of `limit` tokens (0: any) has room for a source too.
  Result<Encoding> encodeSeparator(const Tokenizer &tokenizer, std::int32_t limit) const;
  /// A row's prompt, of at most `limit` tokens (0: never cut), without labels.
  Result<Example> encodePrompt(const DataTable &table, std::int64_t row,
                               const TaskColumns &columns, const Tokenizer &tokenizer,
                               const std::string &prefix, std::int32_t limit) const;
};

} // namespace ftc::rt
