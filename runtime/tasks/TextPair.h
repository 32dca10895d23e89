// What summarization and translation share, whatever model writes: a row has a text, the
// source, and what is to be written of it, the target.
#pragma once

#include "runtime/tasks/GenerationColumns.h"
#include "runtime/tasks/Task.h"

namespace ftc::rt {

/// TaskColumns::text is the source, TaskColumns::label the target. How both become examples is
/// the forms' affair: TargetTextTask for encoder-decoders, PromptedTextTask for decoders alone.
class TextPairTask : public Task {
public:
  bool hasLabelSet() const override { return false; }
  std::int64_t outputWidth(const LabelSet &) const override { return 0; }
  bool generates() const override { return true; }
  bool hasTargetText() const override { return true; }
  bool needsPrefixSpace() const override { return false; }

  Result<TaskColumns> findColumns(const DataTable &table, const ColumnFlags &flags,
                                  bool needLabels) const override;
  Result<LabelSet> collectLabels(const DataTable &, const TaskColumns &,
                                 std::span<const std::string>) const override {
    return LabelSet();
  }
  Result<LabelSet> labelsFromNames(std::vector<std::string>,
                                   std::span<const std::string>) const override;
  Status checkRow(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                  const EncodeSettings &settings) const override;
  std::string describeLabels(const DataTable &, const TaskColumns &,
                             const LabelSet &) const override {
    return {};
  }

protected:
  /// What a decoder reads behind the source: where the target is to begin.
  virtual std::string_view separator() const = 0;

private:
  /// The task's two columns; the target's may be -1 without `needTarget`.
  virtual Result<PairColumns> findPair(const DataTable &table, const ColumnFlags &flags,
                                       bool needTarget) const = 0;
};

} // namespace ftc::rt
