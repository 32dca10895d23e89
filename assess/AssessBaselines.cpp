// What answers without a model, and the model as it is.
#include "assess/Assessor.h"
#include "assess/SampleVariance.h"

#include "runtime/metrics/Baselines.h"

#include <cmath>
#include <map>

namespace ftc::assess {

namespace {

constexpr std::size_t kMostBaselineRows = 500;

double rougeOf(const rt::RougeMean &mean, std::string_view metric) {
  return metric == "rouge1"      ? mean.rouge1()
         : metric == "rouge2"    ? mean.rouge2()
         : metric == "rougeLsum" ? mean.rougeLsum()
                                 : mean.rougeL();
}

/// config.json's labels by class id; empty where there are none of its own.
std::vector<std::string> checkpointLabels(const std::string &model) {
  rt::Result<rt::Json> config = rt::readJsonFile(rt::joinPath(model, "config.json"));
  std::vector<std::string> labels;
  if (!config || !config->is_object() || !config->contains("id2label"))
    return labels;
  const rt::Json &map = (*config)["id2label"];
  for (std::size_t id = 0; map.is_object() && id < map.size(); ++id) {
    auto found = map.find(std::to_string(id));
    if (found == map.end() || !found->is_string())
      return {};
    labels.push_back(found->get<std::string>());
  }
  return labels;
}

} // namespace

rt::Status Assessor::textBaselines() {
  std::size_t rows = std::min<std::size_t>(evaluationOrder.size(), kMostBaselineRows);
  bool summaries = task->name() == "summarization";
  // All rows last, after groups of them whose scatter is the error.
  constexpr std::size_t kGroups = GroupedOutputs::kGroups;
  std::vector<std::vector<double>> values(summaries ? 2 : 1);
  for (std::size_t group = 0; group <= kGroups; ++group) {
    rt::LeadBaselines lead;
    rt::CopyBaseline copied;
    for (std::size_t i = 0; i < rows; ++i) {
      if (group < kGroups && i % kGroups != group)
        continue;
      std::int64_t row = evaluationOrder[i];
      std::string_view from = evaluationSet->table->text(row, evaluationSet->columns.text);
      std::string_view to = evaluationSet->table->text(row, evaluationSet->columns.label);
      if (summaries && !lead.add(from, to, stopped))
        return rt::Status::interrupted("stopped while baselines were scored");
      if (!summaries)
        copied.add(from, to);
    }
    if (summaries) {
      values[0].push_back(100 * rougeOf(lead.lead1(), result.metric.name));
      values[1].push_back(100 * rougeOf(lead.lead3(), result.metric.name));
    } else {
      values[0].push_back(result.metric.name == "chrf" ? copied.chrf().score()
                                                       : copied.bleu().score().score);
    }
  }
  const char *const names[] = {summaries ? "Lead-1" : "copying the source", "Lead-3"};
  for (std::size_t k = 0; k < values.size(); ++k) {
    double error = errorOfMean(std::span(values[k]).first(kGroups));
    result.baselines.push_back(
        {names[k], {values[k].back(), error, static_cast<std::int64_t>(rows)}});
  }
  return rt::Status::ok();
}

/// Two answers for all texts: the labels that most training rows have (none, often), and every
/// label.
rt::Status Assessor::labelBaseline(Opened &first) {
  std::int64_t labels = first.session->labels.size();
  std::vector<double> counts(labels);
  for (const rt::Example &example : first.train.all())
    for (std::int64_t label = 0; label < labels; ++label)
      counts[label] += static_cast<double>(example.targets[label]);
  auto half = static_cast<double>(first.train.all().size()) / 2;
  Matrix usual(first.evaluationFeatures.rows.rows, labels), every = usual;
  for (std::int64_t i = 0; i < usual.rows; ++i)
    for (std::int64_t label = 0; label < labels; ++label) {
      usual.row(i)[label] = counts[label] > half ? 1.0f : -1.0f;
      every.row(i)[label] = 1;
    }
  auto examples = static_cast<std::int64_t>(first.evaluation.all().size());
  FTC_ASSIGN_OR_RETURN(Score most, scoreLogits(first, usual, examples));
  FTC_ASSIGN_OR_RETURN(Score all, scoreLogits(first, every, examples));
  result.baselines.push_back({"labels that most texts have", most});
  result.baselines.push_back({"every label", all});
  return rt::Status::ok();
}

rt::Status Assessor::baselines(Opened &first) {
  if (task->hasTargetText())
    return textBaselines();
  // Logits that answer without looking: the most frequent class, no entity, one answer for all.
  if (task->labelPlacement() == rt::LabelPlacement::Span) {
    FTC_ASSIGN_OR_RETURN(Score score,
                         scoreLogits(first, first.probe.logits(first.evaluationFeatures.rows),
                                     static_cast<std::int64_t>(first.evaluation.all().size()),
                                     "baseline_"));
    result.baselines.push_back({"one answer for all", score});
  }
  if (task->problemType() == rt::kRegression) {
    // One value for all rows goes with nothing; by chance a correlation has this error.
    auto examples = static_cast<std::int64_t>(first.evaluation.all().size());
    double error =
        100 / std::sqrt(static_cast<double>(std::max<std::int64_t>(2, examples) - 1));
    result.baselines.push_back({"one value for all", {0, error, examples}});
  }
  if (task->problemType() == rt::kMultiLabel)
    return labelBaseline(first);
  if (!classifies() || task->labelPlacement() == rt::LabelPlacement::Span)
    return rt::Status::ok();
  const rt::LabelSet &labels = first.session->labels;
  std::int64_t classes = labels.size(), frequent = 0;
  bool tokens = task->labelPlacement() == rt::LabelPlacement::Token;
  if (tokens)
    frequent = std::max<std::int64_t>(0, labels.find("O"));
  else if (!result.data.labels.empty())
    frequent = std::max<std::int64_t>(0, labels.find(result.data.labels.front().label));
  std::span<const rt::Example> examples = first.evaluation.all();
  rt::OutputSource source = first.session->outputSource(
      examples, *evaluationSet->table, evaluationSet->columns, options.questions);
  GroupedOutputs outputs(*task, source);
  std::vector<rt::OutputRow> rows;
  for (std::size_t e = 0; e < examples.size(); ++e)
    for (std::size_t t = 0; t < (tokens ? examples[e].labels.size() : 1); ++t)
      if (examples[e].labels[t] != rt::kIgnoredLabel)
        rows.push_back({static_cast<std::int64_t>(e),
                        tokens ? static_cast<std::int32_t>(t) : std::int32_t(-1)});
  Matrix logits(static_cast<std::int64_t>(rows.size()), classes);
  for (std::int64_t i = 0; i < logits.rows; ++i)
    logits.row(i)[frequent] = 1;
  FTC_RETURN_IF_ERROR(outputs.add(logits.values, classes, rows));
  FTC_ASSIGN_OR_RETURN(Score score, outputs.score(result.metric));
  result.baselines.push_back({tokens ? "no entity (all O)" : "most frequent label", score});
  return rt::Status::ok();
}

rt::Status Assessor::zeroShot(Opened &opened, ModelFacts &facts, std::size_t index) {
  if (task->hasTargetText()) {
    std::int64_t rows = std::min<std::int64_t>(
        kWrittenRows, static_cast<std::int64_t>(opened.evaluation.rows.size()));
    FTC_ASSIGN_OR_RETURN(
        Evaluated evaluated,
        evaluateRows(*opened.session, *evaluationSet, opened.evaluation.first(rows),
                     std::span<const std::int64_t>(opened.evaluation.rows).first(rows),
                     result.metric, options.questions, options.generation, stopped));
    facts.zeroShot = evaluated.score;
    return rt::Status::ok();
  }
  std::vector<std::int32_t> columns;
  const rt::LabelSet &labels = opened.session->labels;
  CompiledMethod compiled = *opened.head;
  std::unique_ptr<rt::Session> other;
  rt::Session *session = opened.session.get();
  if (task->hasLabelSet()) {
    std::vector<std::string> known = checkpointLabels(opened.compile.model);
    std::map<std::string, std::int32_t> ids;
    for (std::size_t i = 0; i < known.size(); ++i)
      ids[known[i]] = static_cast<std::int32_t>(i);
    for (const std::string &label : labels.names()) {
      auto found = ids.find(label);
      if (found == ids.end()) {
        facts.zeroShotNote = "no head for these labels";
        return rt::Status::ok();
      }
      columns.push_back(found->second);
    }
    if (static_cast<std::int64_t>(known.size()) != labels.size()) {
      // A head of more classes than the data has.
      CompileOptions all = opened.compile;
      all.labels = known;
      FTC_ASSIGN_OR_RETURN(
          compiled,
          compileMethod(all, "head", scratch->file("asis" + std::to_string(index) + ".ftb")));
      FTC_ASSIGN_OR_RETURN(other, openSession(compiled, options.recipe, {"evaluate"}));
      session = other.get();
    }
  }
  for (const abi::Parameter *parameter : *(*session->artifact)->parameters())
    if (parameter->trainable() && !parameter->tensor()) {
      facts.zeroShotNote = "its head is new";
      return rt::Status::ok();
    }
  FTC_ASSIGN_OR_RETURN(Evaluated evaluated,
                       evaluateRows(*session, *evaluationSet, opened.evaluation.all(),
                                    opened.evaluation.rows, result.metric, options.questions,
                                    options.generation, stopped, columns));
  facts.zeroShot = evaluated.score;
  say(rt::format("the model as it is: %.2f points", evaluated.score.value));
  return rt::Status::ok();
}

} // namespace ftc::assess
