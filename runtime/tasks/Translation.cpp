// Translation: a model learns to write a text in another language.
#include "runtime/support/Text.h"
#include "runtime/tasks/PromptedText.h"
#include "runtime/tasks/TargetOutputs.h"
#include "runtime/tasks/TargetText.h"
#include "runtime/tasks/TaskRegistry.h"

namespace ftc::rt {

namespace {

const Task *promptedTranslation();

/// `Form`: TargetTextTask or PromptedTextTask.
template <class Form> class Translation final : public Form {
public:
  std::string_view name() const override { return "translation"; }
  const Task *forDecoder() const override { return promptedTranslation(); }
  std::unique_ptr<TaskOutputs> makeOutputs(const OutputSource &source) const override {
    return makeTranslationOutputs(source);
  }
  /// Which column is read and which is written: without flags the file says so.
  std::string describeLabels(const DataTable &table, const TaskColumns &columns,
                             const LabelSet &) const override {
    return columns.label < 0
               ? std::string()
               : "translation from column " + quote(table.columns()[columns.text], 40) +
                     " to " + quote(table.columns()[columns.label], 40);
  }

private:
  std::string_view separator() const override { return "\nTranslation:\n"; }
  Result<PairColumns> findPair(const DataTable &table, const ColumnFlags &flags,
                               bool needTarget) const override {
    return findTranslationColumns(table, flags.sourceLang, flags.targetLang, needTarget);
  }
};

const Task *promptedTranslation() {
  static const Translation<PromptedTextTask> task;
  return &task;
}

} // namespace

const Task *translationTask() {
  static const Translation<TargetTextTask> task;
  return &task;
}

} // namespace ftc::rt
