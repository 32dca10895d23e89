// Classification metrics and predictions from logits.
#include "runtime/tasks/TextOutputs.h"

#include "runtime/metrics/Accuracy.h"
#include "runtime/metrics/F1.h"
#include "runtime/metrics/Matthews.h"
#include "runtime/support/Text.h"
#include "runtime/tasks/OutputChecks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace ftc::rt {

namespace {

constexpr std::int64_t kReportedClasses = 30;
constexpr std::size_t kReportedConfusions = 5;

/// Softmax probability of `label`, summed in double.
float probability(std::span<const float> logits, std::int32_t label) {
  double sum = 0;
  for (float logit : logits)
    sum += std::exp(static_cast<double>(logit) - static_cast<double>(logits[label]));
  return static_cast<float>(1 / sum);
}

} // namespace

TextOutputs::TextOutputs(std::span<const Example> examples, const LabelSet &labels)
    : examples(examples), labels(labels), predicted(examples.size(), -1),
      scores(examples.size(), 0) {}

Status TextOutputs::add(std::span<const float> logits, std::int64_t classes,
                        std::span<const OutputRow> rows) {
  FTC_RETURN_IF_ERROR(
      checkRows(logits, classes, rows, examples, labels.size(),
                LabelPlacement::Sequence));
  for (std::size_t row = 0; row < rows.size(); ++row) {
    std::span<const float> values = logits.subspan(row * classes, classes);
    std::int64_t example = rows[row].example;
    FTC_ASSIGN_OR_RETURN(predicted[example], largestLogit(values, examples[example]));
    scores[example] = probability(values, predicted[example]);
  }
  return {};
}

Status TextOutputs::checkComplete() const {
  for (std::size_t i = 0; i < examples.size(); ++i)
    if (predicted[i] < 0)
      return missingOutput(examples[i]);
  return {};
}

Result<ConfusionMatrix> TextOutputs::confusion() const {
  FTC_RETURN_IF_ERROR(checkComplete());
  ConfusionMatrix matrix(labels.size());
  for (std::size_t i = 0; i < examples.size(); ++i)
    if (std::int32_t label = examples[i].labels[0]; label >= 0 && label < labels.size())
      matrix.add(label, predicted[i]);
  return matrix;
}

Result<Metrics> TextOutputs::metrics() const {
  FTC_ASSIGN_OR_RETURN(ConfusionMatrix matrix, confusion());
  double macro = macroF1(matrix);
  double f1 = labels.size() == 2 ? classScores(matrix, 1).f1 : macro;
  return Metrics{{"accuracy", accuracy(matrix)},
                 {"f1", f1},
                 {"f1_macro", macro},
                 {"f1_micro", microF1(matrix)},
                 {"matthews_correlation", matthewsCorrelation(matrix)},
                 {"baseline_accuracy", majorityBaseline(matrix).accuracy}};
}

Result<std::string> TextOutputs::report() const {
  FTC_ASSIGN_OR_RETURN(ConfusionMatrix matrix, confusion());
  MajorityBaseline baseline = majorityBaseline(matrix);
  char numbers[160];
  std::snprintf(numbers, sizeof numbers, "accuracy %.4f (%lld examples); ", accuracy(matrix),
                static_cast<long long>(matrix.total()));
  std::string text = numbers;
  std::snprintf(numbers, sizeof numbers, " would reach %.4f\n", baseline.accuracy);
  text += "always answering " + quote(labels.names()[baseline.label], 40) + numbers;
  text += "label                           precision    recall        f1   support\n";
  std::int64_t shown = std::min(labels.size(), kReportedClasses);
  for (std::int64_t label = 0; label < shown; ++label) {
    PrecisionRecallF1 scores = classScores(matrix, label);
    text += scoreLine(labels.names()[label], scores.precision, scores.recall, scores.f1,
                      scores.support);
  }
  if (shown < labels.size())
    text += "and " + std::to_string(labels.size() - shown) + " labels more\n";
  std::vector<std::array<std::int64_t, 3>> wrong; // minus count, label, prediction
  for (std::int64_t label = 0; label < labels.size(); ++label)
    for (std::int64_t prediction = 0; prediction < labels.size(); ++prediction)
      if (label != prediction && matrix.count(label, prediction) > 0)
        wrong.push_back({-matrix.count(label, prediction), label, prediction});
  std::sort(wrong.begin(), wrong.end());
  for (std::size_t i = 0; i < std::min(wrong.size(), kReportedConfusions); ++i)
    text += std::to_string(-wrong[i][0]) + " times " +
            quote(labels.names()[wrong[i][1]], 40) + " was taken for " +
            quote(labels.names()[wrong[i][2]], 40) + "\n";
  return text;
}

Result<Findings> TextOutputs::findings(const DataTable &table,
                                       const TaskColumns &columns) const {
  FTC_ASSIGN_OR_RETURN(ConfusionMatrix matrix, confusion());
  MajorityBaseline majority = majorityBaseline(matrix);
  Findings found;
  SampledMetric metric{.name = "accuracy",
                       .unit = "examples",
                       .baselineName = "always answering " +
                                       quote(labels.names()[majority.label], 60) +
                                       ", the most frequent label",
                       .width = 2,
                       .value = ratioOfSums,
                       .proportion = true};
  std::vector<double> badness(examples.size(), 0);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    std::int32_t label = examples[i].labels[0];
    if (label < 0 || label >= labels.size())
      continue;
    metric.sums.insert(metric.sums.end(), {predicted[i] == label ? 1.0 : 0.0, 1});
    metric.baseline.insert(metric.baseline.end(), {majority.label == label ? 1.0 : 0.0, 1});
    if (predicted[i] != label)
      badness[i] = losses.size() == examples.size() ? losses[i]
                                                    : static_cast<double>(scores[i]);
  }
  found.metric = std::move(metric);
  ScoreTable perLabel{"Labels", "label", {}};
  for (std::int64_t label = 0; label < labels.size(); ++label)
    perLabel.rows.emplace_back(labels.names()[label], classScores(matrix, label));
  found.tables.push_back(std::move(perLabel));
  found.confusion = ConfusionFinding{std::move(matrix), labels.names(), "examples"};
  bool byLoss = losses.size() == examples.size();
  found.rowUnit = table.unit();
  found.worstBy = byLoss ? "wrong answers of the highest loss" : "surest wrong answers";
  found.valueName = byLoss ? "loss" : "probability";
  for (std::size_t i : greatest(badness, 0)) {
    ShownExample shown{examples[i].line, badness[i],
                       keptText(table.text(examples[i].row, columns.text)), {},
                       labels.names()[examples[i].labels[0]], labels.names()[predicted[i]]};
    if (columns.pair >= 0)
      shown.context = keptText(table.text(examples[i].row, columns.pair));
    found.worst.push_back(std::move(shown));
  }
  return found;
}

Result<std::string> TextOutputs::predictionLines(const DataTable &, const TaskColumns &) const {
  FTC_RETURN_IF_ERROR(checkComplete());
  std::string text;
  for (std::size_t i = 0; i < examples.size(); ++i)
    text += "{\"label\": " + jsonString(labels.names()[predicted[i]]) +
            ", \"score\": " + shortestNumber(scores[i]) + "}\n";
  return text;
}

} // namespace ftc::rt
