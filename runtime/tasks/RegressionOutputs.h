// Outputs of a text regression: one value an example.
#pragma once

#include "runtime/tasks/Task.h"

#include <optional>

namespace ftc::rt {

class RegressionOutputs final : public TaskOutputs {
public:
  explicit RegressionOutputs(std::span<const Example> examples)
      : examples(examples), values(examples.size()) {}

  Status add(std::span<const float> logits, std::int64_t classes,
             std::span<const OutputRow> rows) override;

  /// mse; pearson, spearmanr and their mean combined_score (as GLUE reports STS-B);
  /// baseline_mse (always answering with the mean of the evaluated data).
  Result<Metrics> metrics() const override;
  Result<std::string> report() const override;
  /// The squared error, found values over true ones, and the examples of the largest error.
  Result<Findings> findings(const DataTable &table, const TaskColumns &columns) const override;
  /// {"score": the value}.
  Result<std::string> predictionLines(const DataTable &table,
                                      const TaskColumns &columns) const override;

private:
  std::span<const Example> examples;
  std::vector<std::optional<float>> values; ///< [examples]
};

} // namespace ftc::rt
