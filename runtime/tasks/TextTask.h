// TextTask: what text classification's problems share (one label, several, a value): the
// columns of a text or a pair of sentences, and their encoding.
#pragma once

#include "runtime/tasks/Task.h"

namespace ftc::rt {

class TextTask : public Task {
public:
  std::string_view name() const override { return "text-classification"; }
  LabelPlacement labelPlacement() const override { return LabelPlacement::Sequence; }
  bool needsPrefixSpace() const override { return false; }

  const Task *forProblem(std::string_view problemType) const override;
  /// As Hugging Face's run_classification.py decides: lists are several labels a text (as is what a
  /// delimiter splits), numbers of which one is real are values, everything else is one label.
  /// Where a few cells alone would turn the decision, they are refused (TextProblem.cpp).
  Result<const Task *> forData(const DataTable &table,
                               const TaskColumns &columns) const override;

  const Task *forMostRows(const DataTable &table, const TaskColumns &columns) const override;

  Result<TaskColumns> findColumns(const DataTable &table, const ColumnFlags &flags,
                                  bool needLabels) const override;

  Status encodeForPrediction(const DataTable &table, std::int64_t row,
                             const TaskColumns &columns, const Tokenizer &tokenizer,
                             const EncodeSettings &settings,
                             std::vector<Example> &out) const override;

  std::string describeLabels(const DataTable &, const TaskColumns &,
                             const LabelSet &) const override {
    return {};
  }

protected:
  /// Fails unless the row's text and, of pairs, its second sentence are strings.
  static Status checkInputs(const DataTable &table, std::int64_t row,
                            const TaskColumns &columns);

  /// The row's tokens; one label that wants an output, 0.
  static Result<Example> encodeText(const DataTable &table, std::int64_t row,
                                    const TaskColumns &columns, const Tokenizer &tokenizer,
                                    const EncodeSettings &settings);
};

const Task *multiLabelTask();     ///< MultiLabelClassification.cpp
const Task *textRegressionTask(); ///< TextRegression.cpp

} // namespace ftc::rt
