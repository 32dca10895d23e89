// What summarization and translation share: a row's source and target become the two streams of
// an encoder-decoder.
#pragma once

#include "runtime/tasks/GenerationColumns.h"
#include "runtime/tasks/Task.h"

namespace ftc::rt {

/// A task that reads a text and writes one. Labels are the target's ids; the decoder's inputs
/// are the same shifted right by one, behind the start token (TargetSettings::decoderStart).
class TargetTextTask : public Task {
public:
  LabelPlacement labelPlacement() const override { return LabelPlacement::Target; }
  bool hasLabelSet() const override { return false; }
  std::int64_t outputWidth(const LabelSet &) const override { return 0; }
  bool needsPrefixSpace() const override { return false; }

  Result<TaskColumns> findColumns(const DataTable &table, const ColumnFlags &flags,
                                  bool needLabels) const override;
  Result<LabelSet> collectLabels(const DataTable &, const TaskColumns &,
                                 std::span<const std::string>) const override {
    return LabelSet();
  }
  Result<LabelSet> labelsFromNames(std::vector<std::string>,
                                   std::span<const std::string>) const override;
  Result<Example> encode(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                         const LabelSet &labels, const Tokenizer &tokenizer,
                         const EncodeSettings &settings) const override;
  Status checkTable(const DataTable &table, const TaskColumns &columns,
                    const EncodeSettings &settings) const override;
  Status encodeForPrediction(const DataTable &table, std::int64_t row,
                             const TaskColumns &columns, const Tokenizer &tokenizer,
                             const EncodeSettings &settings,
                             std::vector<Example> &out) const override;
  std::unique_ptr<TaskOutputs> makeOutputs(const OutputSource &source) const override;
  std::string describeLabels(const DataTable &, const TaskColumns &,
                             const LabelSet &) const override {
    return {};
  }
  std::int32_t stratum(const Example &, const LabelSet &) const override { return 0; }

private:
  /// The task's two columns; the target's may be -1 without `needTarget`.
  virtual Result<PairColumns> findPair(const DataTable &table, const ColumnFlags &flags,
                                       bool needTarget) const = 0;
};

} // namespace ftc::rt
