// Outputs of text classification: one row of logits an example.
#pragma once

#include "runtime/metrics/Confusion.h"
#include "runtime/tasks/Task.h"

namespace ftc::rt {

class TextOutputs final : public TaskOutputs {
public:
  TextOutputs(std::span<const Example> examples, const LabelSet &labels);

  Status add(std::span<const float> logits, std::int64_t classes,
             std::span<const OutputRow> rows) override;

  /// accuracy; f1 (of class 1 when there are two classes, as GLUE's, else the macro mean);
  /// f1_macro; f1_micro; matthews_correlation; baseline_accuracy (always answering with the
  /// most frequent label).
  Result<Metrics> metrics() const override;
  Result<std::string> report() const override;
  void takeExampleLosses(std::vector<double> sums) override { losses = std::move(sums); }
  /// Confusion matrix, scores of every label, accuracy, and the wrong ones of highest loss.
  Result<Findings> findings(const DataTable &table, const TaskColumns &columns) const override;
  Result<std::string> predictionLines(const DataTable &table,
                                      const TaskColumns &columns) const override;

private:
  Status checkComplete() const;
  Result<ConfusionMatrix> confusion() const;

  std::span<const Example> examples;
  LabelSet labels;
  std::vector<std::int32_t> predicted; ///< [examples], -1 while missing
  std::vector<float> scores;           ///< [examples]: the prediction's probability
  std::vector<double> losses;          ///< [examples], or empty
};

} // namespace ftc::rt
