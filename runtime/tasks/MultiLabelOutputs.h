// Outputs of multi-label text classification: one row of logits an example.
#pragma once

#include "runtime/metrics/MultiLabel.h"
#include "runtime/tasks/Task.h"

namespace ftc::rt {

class MultiLabelOutputs final : public TaskOutputs {
public:
  MultiLabelOutputs(std::span<const Example> examples, const LabelSet &labels);

  /// A label is predicted where its logit is above 0.
  Status add(std::span<const float> logits, std::int64_t classes,
             std::span<const OutputRow> rows) override;

  /// accuracy (all of an example's labels right), f1 (micro), f1_macro; baseline_accuracy and
  /// baseline_f1 (always answering with each label's more frequent value).
  Result<Metrics> metrics() const override;
  Result<std::string> report() const override;
  void takeExampleLosses(std::vector<double> sums) override { losses = std::move(sums); }
  /// Micro F1, scores of every label, and the wrong ones of highest loss.
  Result<Findings> findings(const DataTable &table, const TaskColumns &columns) const override;
  /// {"labels": those predicted, "scores": every label's probability}.
  Result<std::string> predictionLines(const DataTable &table,
                                      const TaskColumns &columns) const override;

private:
  Result<LabelCounts> counts() const;

  std::span<const Example> examples;
  LabelSet labels;
  std::vector<std::uint8_t> seen;      ///< [examples]
  std::vector<std::uint8_t> predicted; ///< [examples, labels]
  std::vector<float> scores;           ///< [examples, labels]
  std::vector<double> losses;          ///< [examples], or empty
};

} // namespace ftc::rt
