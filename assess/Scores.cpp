// The mean of k groups' metrics has the standard error sd / sqrt(k); the whole's metric is
// close to that mean, so its error is taken for the same.
#include "assess/Scores.h"

#include "assess/SampleVariance.h"

#include "runtime/support/Text.h"
#include "runtime/tasks/Batch.h"
#include "runtime/tasks/MetricNames.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ftc::assess {

namespace {

std::string mainMetric(const rt::Task &task) {
  if (task.name() == "summarization")
    return "rougeL";
  if (task.name() == "translation")
    return "bleu";
  if (task.problemType() == rt::kRegression)
    return "pearson";
  return task.problemType() == rt::kSingleLabel ? "accuracy" : "f1";
}

bool lessIsBetter(std::string_view name) {
  return name == "mse" || name == "mae" || name == "rmse" || name == "gen_len" ||
         name == "perplexity" || name.starts_with("baseline");
}

double named(const rt::Metrics &metrics, const std::string &name) {
  for (const auto &[key, value] : metrics)
    if (key == name)
      return value;
  return std::numeric_limits<double>::quiet_NaN();
}

} // namespace

rt::Result<MetricChoice> chooseMetric(const rt::Task &task, const rt::LabelSet &labels,
                                      const rt::QuestionSettings &questions,
                                      const std::string &asked) {
  MetricChoice choice;
  std::string_view name = asked;
  if (name.starts_with("eval_"))
    name.remove_prefix(5);
  choice.name = name.empty() ? mainMetric(task) : std::string(name);
  choice.scale =
      task.hasTargetText() || task.labelPlacement() == rt::LabelPlacement::Span ? 1 : 100;
  std::vector<std::string> known, fit;
  known = rt::metricNames(task, labels, questions, task.hasTargetText());
  std::copy_if(known.begin(), known.end(), std::back_inserter(fit),
               [](const std::string &one) { return !lessIsBetter(one); });
  if (std::find(fit.begin(), fit.end(), choice.name) != fit.end())
    return choice;
  std::string all;
  for (const std::string &one : fit)
    all += (all.empty() ? "" : ", ") + one;
  return rt::Status::usage(
      "--metric_for_best_model: expected a metric of which more is better (" +
      all.substr(0, 200) + "), got " + rt::quote(choice.name, 40));
}

rt::Result<double> metricOf(const rt::TaskOutputs &outputs, const MetricChoice &metric) {
  FTC_ASSIGN_OR_RETURN(rt::Metrics all, outputs.metrics());
  double value = named(all, metric.name);
  return std::isfinite(value) ? metric.scale * value : 0.0;
}

GroupedOutputs::GroupedOutputs(const rt::Task &task, const rt::OutputSource &source)
    : examples(source.examples), whole(task.makeOutputs(source)) {
  auto size = static_cast<std::int64_t>(examples.size());
  std::int64_t count = size >= 40 * kGroups ? 2 * kGroups : size >= 2 * kGroups ? kGroups : 0;
  std::int64_t begin = 0;
  for (std::int64_t group = 0; group < count; ++group) {
    std::int64_t end = std::max(begin, size * (group + 1) / count);
    while (end > begin && end < size && examples[end].row == examples[end - 1].row)
      ++end;
    if (end == begin)
      continue;
    rt::OutputSource part = source;
    part.examples = examples.subspan(begin, end - begin);
    part.baselines = nullptr;
    groups.push_back({begin, end, task.makeOutputs(part)});
    begin = end;
  }
}

rt::Status GroupedOutputs::add(std::span<const float> logits, std::int64_t classes,
                               std::span<const rt::OutputRow> rows) {
  FTC_RETURN_IF_ERROR(whole->add(logits, classes, rows));
  std::vector<rt::OutputRow> shifted;
  std::size_t begin = 0;
  while (begin < rows.size()) {
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Group &one) {
      return rows[begin].example >= one.begin && rows[begin].example < one.end;
    });
    if (group == groups.end())
      return rt::Status::ok();
    shifted.clear();
    std::size_t end = begin;
    for (; end < rows.size() && rows[end].example >= group->begin &&
           rows[end].example < group->end;
         ++end)
      shifted.push_back({rows[end].example - group->begin, rows[end].token});
    FTC_RETURN_IF_ERROR(group->outputs->add(
        logits.subspan(begin * classes, (end - begin) * classes), classes, shifted));
    begin = end;
  }
  return rt::Status::ok();
}

void GroupedOutputs::takeTexts(std::vector<rt::WrittenText> texts, bool showIds) {
  for (Group &group : groups)
    group.outputs->takeTexts({texts.begin() + group.begin, texts.begin() + group.end}, showIds);
  whole->takeTexts(std::move(texts), showIds);
}

rt::Result<Score> GroupedOutputs::score(const MetricChoice &metric) const {
  Score score;
  FTC_ASSIGN_OR_RETURN(score.value, metricOf(*whole, metric));
  score.examples = static_cast<std::int64_t>(examples.size());
  double share = std::clamp(score.value / 100, 0.0, 1.0);
  auto n = static_cast<double>(std::max<std::int64_t>(1, score.examples));
  // Of a share with Laplace's rule, which keeps the error above 0 where all are right.
  double smooth = (share * n + 1) / (n + 2);
  double binomial = 100 * std::sqrt(smooth * (1 - smooth) / n);
  for (const Group &group : groups) {
    rt::Result<rt::Metrics> part = group.outputs->metrics();
    double one = part ? named(*part, metric.name) : std::numeric_limits<double>::quiet_NaN();
    if (std::isfinite(one)) // else it is not defined of this group: one value for all, say
      score.groups.push_back(metric.scale * one);
  }
  score.error = metric.name == "accuracy" || score.groups.size() < 2
                    ? binomial
                    : std::max(errorOfMean(score.groups), 100 / n);
  if (score.groups.size() < groups.size())
    score.groups.clear(); // they would pair with others than their own
  return score;
}

} // namespace ftc::assess
