// The names are those that the task itself gives for a few made-up outputs: none for sequences and
// written texts, one word of each label for tokens, so that every entity type occurs.
#include "runtime/tasks/MetricNames.h"

#include "runtime/metrics/Squad.h"
#include "runtime/tasks/Batch.h"

namespace ftc::rt {

namespace {

std::vector<std::string> namesOf(const Metrics &metrics) {
  std::vector<std::string> names;
  for (const auto &[name, value] : metrics)
    names.push_back(name);
  return names;
}

/// One question of each kind, so that every group of scores is there.
std::vector<std::string> questionMetrics(const QuestionSettings &questions) {
  SquadScores scores(questions.version2WithNegative);
  const std::string answer = "a", none;
  scores.add(answer, {&answer, 1});
  scores.add(none, {&none, 1});
  std::vector<std::string> names = namesOf(scores.metrics());
  names.push_back("baseline_" + names[0]);
  names.push_back("baseline_" + names[1]);
  return names;
}

/// A sentence of one word for each label, rightly predicted.
void addOneWordOfEach(std::vector<Example> &examples, const LabelSet &labels,
                      std::vector<float> &logits, std::vector<OutputRow> &rows) {
  logits.assign(labels.size() * labels.size(), 0);
  for (std::int32_t id = 0; id < labels.size(); ++id) {
    Example &example = examples.emplace_back();
    example.ids = example.typeIds = example.wordIds = {0};
    example.labels = {id};
    logits[id * labels.size() + id] = 1;
    rows.push_back({id, 0});
  }
}

} // namespace

std::vector<std::string> metricNames(const Task &task, const LabelSet &labels,
                                     const QuestionSettings &questions, bool writes) {
  if (task.labelPlacement() == LabelPlacement::Span)
    return questionMetrics(questions);
  std::vector<Example> examples;
  std::vector<float> logits;
  std::vector<OutputRow> rows;
  if (task.labelPlacement() == LabelPlacement::Token)
    addOneWordOfEach(examples, labels, logits, rows);
  DataTable none;
  std::unique_ptr<TaskOutputs> outputs =
      task.makeOutputs({examples, labels, none, {}, questions});
  outputs->takeLoss(0, 1);
  if (writes)
    outputs->takeTexts({}, /*showIds=*/false);
  Status added = rows.empty() ? Status::ok() : outputs->add(logits, labels.size(), rows);
  Result<Metrics> metrics = outputs->metrics();
  return added && metrics ? namesOf(*metrics) : std::vector<std::string>();
}

} // namespace ftc::rt
