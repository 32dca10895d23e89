// Values against the numbers of the label column.
#include "runtime/tasks/RegressionOutputs.h"

#include "runtime/metrics/Regression.h"
#include "runtime/tasks/OutputChecks.h"

#include <algorithm>
#include <cstdio>

namespace ftc::rt {

Status RegressionOutputs::add(std::span<const float> logits, std::int64_t classes,
                              std::span<const OutputRow> rows) {
  FTC_RETURN_IF_ERROR(checkRows(logits, classes, rows, examples, 1, LabelPlacement::Sequence));
  for (std::size_t row = 0; row < rows.size(); ++row) {
    FTC_RETURN_IF_ERROR(checkFinite(logits.subspan(row, 1), examples[rows[row].example]));
    values[rows[row].example] = logits[row];
  }
  return {};
}

Result<Metrics> RegressionOutputs::metrics() const {
  std::vector<double> truth, found;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (!values[i])
      return missingOutput(examples[i]);
    truth.push_back(static_cast<double>(examples[i].targets[0]));
    found.push_back(static_cast<double>(*values[i]));
  }
  double pearson = pearsonCorrelation(truth, found);
  double spearman = spearmanCorrelation(truth, found);
  return Metrics{{"mse", meanSquaredError(truth, found)},
                 {"pearson", pearson},
                 {"spearmanr", spearman},
                 {"combined_score", (pearson + spearman) / 2},
                 {"baseline_mse", populationVariance(truth)}};
}

Result<std::string> RegressionOutputs::report() const {
  FTC_ASSIGN_OR_RETURN(Metrics found, metrics());
  char line[256];
  std::snprintf(
      line, sizeof line,
      "mean squared error %.4g (%zu examples); always answering with their mean would "
      "reach %.4g\nPearson correlation %.4f, Spearman's %.4f\n",
      found[0].second, examples.size(), found[4].second, found[1].second, found[2].second);
  return std::string(line);
}

Result<Findings> RegressionOutputs::findings(const DataTable &table,
                                             const TaskColumns &columns) const {
  Findings found;
  SampledMetric metric{.name = "mse",
                       .unit = "examples",
                       .baselineName = "always answering with the mean of their values",
                       .width = 2,
                       .value = ratioOfSums,
                       .greaterIsBetter = false};
  PointFinding points{.kind = PointFinding::Kind::Points, .title = "Predicted over true value", .xName = "true", .yName = "predicted"};
  double sum = 0;
  for (const Example &example : examples)
    sum += static_cast<double>(example.targets[0]);
  double mean = sum / std::max<double>(1, static_cast<double>(examples.size()));
  std::vector<double> errors;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (!values[i])
      return missingOutput(examples[i]);
    double truth = static_cast<double>(examples[i].targets[0]), value = static_cast<double>(*values[i]);
    points.x.push_back(truth);
    points.y.push_back(value);
    errors.push_back((value - truth) * (value - truth));
    metric.sums.insert(metric.sums.end(), {errors.back(), 1});
    metric.baseline.insert(metric.baseline.end(), {(mean - truth) * (mean - truth), 1});
  }
  found.metric = std::move(metric);
  found.points.push_back(std::move(points));
  found.rowUnit = table.unit();
  found.worstBy = "largest squared error";
  found.valueName = "squared error";
  for (std::size_t i : greatest(errors, 0))
    found.worst.push_back({examples[i].line, errors[i],
                           keptText(table.text(examples[i].row, columns.text)),
                           columns.pair < 0
                               ? std::string()
                               : keptText(table.text(examples[i].row, columns.pair)),
                           shortestNumber(examples[i].targets[0]), shortestNumber(*values[i])});
  return found;
}

Result<std::string> RegressionOutputs::predictionLines(const DataTable &,
                                                       const TaskColumns &) const {
  std::string text;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (!values[i])
      return missingOutput(examples[i]);
    text += "{\"score\": " + shortestNumber(*values[i]) + "}\n";
  }
  return text;
}

} // namespace ftc::rt
