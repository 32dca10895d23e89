// Several labels an example, each decided by the sign of its logit.
#include "runtime/tasks/MultiLabelOutputs.h"

#include "runtime/support/Text.h"
#include "runtime/tasks/OutputChecks.h"

#include <cmath>
#include <cstdio>

namespace ftc::rt {

namespace {

constexpr std::int64_t kReportedLabels = 30;

} // namespace

MultiLabelOutputs::MultiLabelOutputs(std::span<const Example> examples, const LabelSet &labels)
    : examples(examples), labels(labels), seen(examples.size(), 0),
      predicted(examples.size() * labels.names().size(), 0), scores(predicted.size(), 0) {}

Status MultiLabelOutputs::add(std::span<const float> logits, std::int64_t classes,
                              std::span<const OutputRow> rows) {
  FTC_RETURN_IF_ERROR(
      checkRows(logits, classes, rows, examples, labels.size(), LabelPlacement::Sequence));
  for (std::size_t row = 0; row < rows.size(); ++row) {
    std::span<const float> values = logits.subspan(row * classes, classes);
    std::int64_t example = rows[row].example;
    FTC_RETURN_IF_ERROR(checkFinite(values, examples[example]));
    for (std::int64_t label = 0; label < classes; ++label) {
      std::size_t at = example * classes + label;
      predicted[at] = values[label] > 0;
      scores[at] = static_cast<float>(1 / (1 + std::exp(-static_cast<double>(values[label]))));
    }
    seen[example] = 1;
  }
  return {};
}

Result<LabelCounts> MultiLabelOutputs::counts() const {
  LabelCounts result(labels.size());
  std::size_t width = labels.names().size();
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (!seen[i])
      return missingOutput(examples[i]);
    result.add(examples[i].targets,
               std::span<const std::uint8_t>(predicted).subspan(i * width, width));
  }
  return result;
}

Result<Metrics> MultiLabelOutputs::metrics() const {
  FTC_ASSIGN_OR_RETURN(LabelCounts found, counts());
  MultiLabelBaseline baseline = found.baseline();
  return Metrics{{"accuracy", found.accuracy()},
                 {"f1", found.microF1()},
                 {"f1_macro", found.macroF1()},
                 {"baseline_accuracy", baseline.accuracy},
                 {"baseline_f1", baseline.f1}};
}

Result<std::string> MultiLabelOutputs::report() const {
  FTC_ASSIGN_OR_RETURN(LabelCounts found, counts());
  MultiLabelBaseline baseline = found.baseline();
  char line[256];
  std::snprintf(line, sizeof line,
                "micro F1 %.4f, all labels right %.4f (%lld examples); each label's more "
                "frequent value always would reach %.4f and %.4f\n",
                found.microF1(), found.accuracy(), static_cast<long long>(found.examples()),
                baseline.f1, baseline.accuracy);
  std::string text = line;
  text += "label                           precision    recall        f1   support\n";
  std::int64_t shown = std::min(labels.size(), kReportedLabels);
  for (std::int64_t label = 0; label < shown; ++label) {
    PrecisionRecallF1 scores = found.label(label);
    text += scoreLine(labels.names()[label], scores.precision, scores.recall, scores.f1,
                      scores.support);
  }
  if (shown < labels.size())
    text += "and " + std::to_string(labels.size() - shown) + " labels more\n";
  return text;
}

Result<Findings> MultiLabelOutputs::findings(const DataTable &table,
                                             const TaskColumns &columns) const {
  FTC_ASSIGN_OR_RETURN(LabelCounts counted, counts());
  Findings found;
  SampledMetric metric{.name = "f1",
                       .unit = "examples",
                       .baselineName = "always answering with each label's more frequent value",
                       .width = 3,
                       .value = f1OfSums};
  std::size_t width = labels.names().size();
  std::vector<double> badness(examples.size(), 0);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    double right = 0, guessed = 0, support = 0, usual = 0, usualRight = 0, wrong = 0;
    for (std::size_t label = 0; label < width; ++label) {
      bool truth = examples[i].targets[label] > 0, guess = predicted[i * width + label] != 0;
      bool frequent = 2 * counted.label(static_cast<std::int64_t>(label)).support >
                      counted.examples();
      right += truth && guess;
      guessed += guess;
      support += truth;
      usual += frequent;
      usualRight += frequent && truth;
      wrong += truth != guess;
    }
    metric.sums.insert(metric.sums.end(), {right, guessed, support});
    metric.baseline.insert(metric.baseline.end(), {usualRight, usual, support});
    if (wrong > 0)
      badness[i] = losses.size() == examples.size() ? losses[i] : wrong;
  }
  found.metric = std::move(metric);
  ScoreTable perLabel{"Labels", "label", {}};
  for (std::int64_t label = 0; label < labels.size(); ++label)
    perLabel.rows.emplace_back(labels.names()[label], counted.label(label));
  found.tables.push_back(std::move(perLabel));
  bool byLoss = losses.size() == examples.size();
  found.rowUnit = table.unit();
  found.worstBy = byLoss ? "wrong answers of the highest loss" : "most labels wrong";
  found.valueName = byLoss ? "loss" : "labels wrong";
  auto names = [&](auto has) {
    std::string text;
    for (std::size_t label = 0; label < width && text.size() < kKeptBytes; ++label)
      if (has(label))
        text += (text.empty() ? "" : ", ") + labels.names()[label];
    return text.empty() ? std::string("(none)") : keptText(text);
  };
  for (std::size_t i : greatest(badness, 0))
    found.worst.push_back(
        {examples[i].line, badness[i], keptText(table.text(examples[i].row, columns.text)),
         columns.pair < 0 ? std::string() : keptText(table.text(examples[i].row, columns.pair)),
         names([&](std::size_t label) { return examples[i].targets[label] > 0; }),
         names([&](std::size_t label) { return predicted[i * width + label] != 0; })});
  return found;
}

Result<std::string> MultiLabelOutputs::predictionLines(const DataTable &,
                                                       const TaskColumns &) const {
  std::string text;
  std::size_t width = labels.names().size();
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (!seen[i])
      return missingOutput(examples[i]);
    std::string names, all;
    for (std::size_t label = 0; label < width; ++label) {
      std::string name = jsonString(labels.names()[label]);
      if (predicted[i * width + label])
        names += (names.empty() ? "" : ", ") + name;
      all += (label ? ", " : "") + name + ": " + shortestNumber(scores[i * width + label]);
    }
    text += "{\"labels\": [" + names + "], \"scores\": {" + all + "}}\n";
  }
  return text;
}

} // namespace ftc::rt
