// Summarization and translation with an encoder-decoder: a row's source and target become its
// two streams.
#pragma once

#include "runtime/tasks/TextPair.h"

namespace ftc::rt {

/// Labels are the target's ids; the decoder's inputs are the same shifted right by one, behind
/// the start token (TargetSettings::decoderStart). For prediction the source alone is encoded.
class TargetTextTask : public TextPairTask {
public:
  LabelPlacement labelPlacement() const override { return LabelPlacement::Target; }
  Result<Example> encode(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                         const LabelSet &labels, const Tokenizer &tokenizer,
                         const EncodeSettings &settings) const override;
  Status checkRoom(const Tokenizer &tokenizer, const EncodeSettings &settings) const override;
  Status encodeForPrediction(const DataTable &table, std::int64_t row,
                             const TaskColumns &columns, const Tokenizer &tokenizer,
                             const EncodeSettings &settings,
                             std::vector<Example> &out) const override;
};

} // namespace ftc::rt
