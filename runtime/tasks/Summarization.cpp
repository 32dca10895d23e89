// Summarization: a model learns to write a text's summary.
#include "runtime/tasks/PromptedText.h"
#include "runtime/tasks/TargetOutputs.h"
#include "runtime/tasks/TargetText.h"
#include "runtime/tasks/TaskRegistry.h"

namespace ftc::rt {

namespace {

const Task *promptedSummarization();

/// `Form`: TargetTextTask or PromptedTextTask.
template <class Form> class Summarization final : public Form {
public:
  std::string_view name() const override { return "summarization"; }
  const Task *forDecoder() const override { return promptedSummarization(); }
  std::unique_ptr<TaskOutputs> makeOutputs(const OutputSource &source) const override {
    return makeSummaryOutputs(source);
  }

private:
  /// As Radford et al., "Language Models are Unsupervised Multitask Learners" (2019), ask GPT-2
  /// for a summary.
  std::string_view separator() const override { return "\nTL;DR:\n"; }
  Result<PairColumns> findPair(const DataTable &table, const ColumnFlags &flags,
                               bool needTarget) const override {
    return findSummaryColumns(table, flags.textColumn, flags.summaryColumn, needTarget);
  }
};

const Task *promptedSummarization() {
  static const Summarization<PromptedTextTask> task;
  return &task;
}

} // namespace

const Task *summarizationTask() {
  static const Summarization<TargetTextTask> task;
  return &task;
}

} // namespace ftc::rt
