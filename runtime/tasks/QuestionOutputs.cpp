// From scores of tokens to answers, their metrics and files.
#include "runtime/tasks/QuestionOutputs.h"

#include "runtime/io/Json.h"
#include "runtime/metrics/Squad.h"
#include "runtime/support/Text.h"
#include "runtime/tasks/Answers.h"
#include "runtime/tasks/Batch.h"
#include "runtime/tasks/OutputChecks.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>

namespace ftc::rt {

namespace {

constexpr std::size_t kReportedMistakes = 5;
constexpr std::size_t kShownBytes = 60;

/// An object's text as Python's json.dumps(object, indent=4) gives it, a member at a time: of
/// thousands of questions a document in memory would be many times its text.
class JsonMembers {
public:
  void add(const std::string &name, OrderedJson value) {
    OrderedJson member = OrderedJson::object();
    member[name] = std::move(value);
    std::string alone =
        member.dump(4, ' ', /*ensure_ascii=*/true, OrderedJson::error_handler_t::replace);
    text += text.empty() ? "{" : ",";
    text.append(alone, 1, alone.size() - 3); // without its braces and the line of the last
  }
  TaskFile file(std::string name) {
    return {std::move(name), text.empty() ? "{}\n" : std::move(text) + "\n}\n"};
  }

private:
  std::string text;
};

std::string shortest(double value) { return Json(value).dump(); }

} // namespace

/// Everything that the metrics and the report say.
struct QuestionOutputs::Scored {
  Metrics metrics, baseline;
  std::string baselineAnswer;
  std::int64_t questions = 0;
  /// Minus the answer's probability, question, answer, gold answer.
  std::vector<std::tuple<double, std::string, std::string, std::string>> mistakes;
  // Of each question: its row, the answer's F1 (0-1) and probability.
  std::vector<std::int64_t> rows;
  std::vector<double> f1, probability;
  std::vector<std::string> answers;
  std::vector<std::vector<std::string>> golds;
};

QuestionOutputs::QuestionOutputs(const OutputSource &source)
    : examples(source.examples), table(source.table), columns(source.columns),
      settings(source.questions) {
  starts.push_back(0);
  for (const Example &example : examples)
    starts.push_back(starts.back() + example.tokens());
  logits.assign(static_cast<std::size_t>(2 * starts.back()),
                std::numeric_limits<float>::quiet_NaN());
}

Status QuestionOutputs::add(std::span<const float> values, std::int64_t width,
                            std::span<const OutputRow> rows) {
  if (width != 2 || values.size() != 2 * rows.size())
    return Status::error("expected " + std::to_string(rows.size()) + " rows of 2 scores, got " +
                         std::to_string(values.size()) + " values in rows of " +
                         std::to_string(width));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const OutputRow &row = rows[i];
    if (row.example < 0 || row.example >= static_cast<std::int64_t>(examples.size()) ||
        row.token < 0 || row.token >= examples[row.example].tokens())
      return Status::error("expected outputs of " + std::to_string(examples.size()) +
                           " examples, got one for example " + std::to_string(row.example) +
                           ", token " + std::to_string(row.token));
    for (std::size_t column = 0; column < 2; ++column) {
      float value = values[2 * i + column];
      if (!std::isfinite(value))
        return Status::error("the model's output for the example of line " +
                             std::to_string(examples[row.example].line) +
                             " is not finite: its weights have diverged or are damaged");
      logits[2 * (starts[row.example] + row.token) + column] = value;
    }
  }
  return {};
}

Status QuestionOutputs::checkComplete() const {
  for (std::size_t i = 0; i < examples.size(); ++i)
    for (std::int64_t at = 2 * starts[i]; at < 2 * starts[i + 1]; ++at)
      if (std::isnan(logits[at]))
        return missingOutput(examples[i]);
  return {};
}

template <typename Take> Status QuestionOutputs::eachQuestion(Take take) const {
  FTC_RETURN_IF_ERROR(checkComplete());
  AnswerSearch search(settings);
  for (std::size_t i = 0; i < examples.size();) {
    std::int64_t row = examples[i].row;
    if (row < 0 || row >= table.rows())
      return Status::error("expected examples of the table at hand, got one of row " +
                           std::to_string(row));
    search.clear();
    for (; i < examples.size() && examples[i].row == row; ++i)
      search.addWindow(std::span(logits).subspan(2 * starts[i], 2 * examples[i].tokens()),
                       examples[i].offsets);
    FTC_RETURN_IF_ERROR(take(row, search.choose(table.text(row, columns.pair))));
  }
  return {};
}

Result<QuestionOutputs::Scored> QuestionOutputs::score() const {
  bool version2 = settings.version2WithNegative;
  SquadScores scores(version2), baseline(version2);
  Scored result;
  std::vector<std::vector<std::string>> &golds = result.golds;
  std::map<std::string, std::int64_t> frequency;
  FTC_RETURN_IF_ERROR(eachQuestion([&](std::int64_t row, const AnswerChoice &choice) {
    Result<Answers> answers = readAnswers(table, row, columns);
    if (!answers)
      return answers.takeStatus();
    scores.add(choice.text, answers->texts);
    golds.push_back(std::move(answers->texts));
    const std::vector<std::string> &gold = golds.back();
    if (!gold.empty())
      ++frequency[normalizeAnswer(gold.front())];
    result.rows.push_back(row);
    result.f1.push_back(scoreAnswer(choice.text, gold, version2).f1);
    result.probability.push_back(choice.probability);
    result.answers.push_back(choice.text);
    if (result.f1.back() == 0)
      result.mistakes.emplace_back(-choice.probability,
                                   std::string(table.text(row, columns.text)), choice.text,
                                   gold.empty() ? std::string() : gold.front());
    return Status::ok();
  }));
  if (!version2 && !frequency.empty())
    result.baselineAnswer =
        std::max_element(frequency.begin(), frequency.end(), [](const auto &a, const auto &b) {
          return a.second < b.second;
        })->first;
  for (const std::vector<std::string> &gold : golds)
    baseline.add(result.baselineAnswer, gold);
  result.metrics = scores.metrics();
  result.baseline = baseline.metrics();
  result.questions = static_cast<std::int64_t>(golds.size());
  return result;
}

Result<Metrics> QuestionOutputs::metrics() const {
  FTC_ASSIGN_OR_RETURN(Scored scored, score());
  Metrics result = scored.metrics;
  for (std::size_t i = 0; i < 2; ++i)
    result.emplace_back("baseline_" + scored.baseline[i].first, scored.baseline[i].second);
  return result;
}

Result<std::string> QuestionOutputs::report() const {
  FTC_ASSIGN_OR_RETURN(Scored scored, score());
  char line[160];
  auto pair = [&](const std::string &what, const Metrics &metrics) {
    std::snprintf(line, sizeof line, "exact match %.2f, F1 %.2f", metrics[0].second,
                  metrics[1].second);
    return what + ": " + line + "\n";
  };
  std::string text = pair(std::to_string(scored.questions) + " questions", scored.metrics);
  auto group = [&](const char *prefix, const char *what) {
    for (std::size_t i = 0; i + 2 < scored.metrics.size(); ++i)
      if (scored.metrics[i].first == std::string(prefix) + "exact") {
        auto count = static_cast<std::int64_t>(scored.metrics[i + 2].second);
        text += pair(std::to_string(count) + what, {scored.metrics[i], scored.metrics[i + 1]});
      }
  };
  group("HasAns_", " with an answer");
  group("NoAns_", " without an answer");
  text += pair(settings.version2WithNegative
                   ? "always giving no answer would reach"
                   : "always answering " + quote(scored.baselineAnswer, 40) +
                         " (the most frequent answer) would reach",
               scored.baseline);
  std::sort(scored.mistakes.begin(), scored.mistakes.end());
  std::size_t shown = std::min(scored.mistakes.size(), kReportedMistakes);
  if (shown > 0)
    text += "surest mistakes:\n";
  for (std::size_t i = 0; i < shown; ++i) {
    const auto &[minus, question, answer, gold] = scored.mistakes[i];
    std::snprintf(line, sizeof line, "  %.2f  ", -minus);
    text += line + quote(question, 100) + ": " + quote(answer, kShownBytes) + ", expected " +
            (gold.empty() ? std::string("no answer") : quote(gold, kShownBytes)) + "\n";
  }
  return text;
}

Result<Findings> QuestionOutputs::findings(const DataTable &, const TaskColumns &) const {
  FTC_ASSIGN_OR_RETURN(Scored scored, score());
  Findings found;
  SampledMetric metric{.name = "f1",
                       .unit = "questions",
                       .baselineName =
                           scored.baselineAnswer.empty()
                               ? "always giving no answer"
                               : "always answering " + quote(scored.baselineAnswer, 40),
                       .width = 2,
                       .value = ratioOfSums};
  PointFinding byContext{.title = "F1 by length of the context",
                         .xName = "characters of the context",
                         .yName = "F1"};
  PointFinding byAnswer{.title = "F1 by length of the answer",
                        .xName = "characters of the first gold answer",
                        .yName = "F1"};
  std::vector<double> badness;
  for (std::size_t i = 0; i < scored.rows.size(); ++i) {
    double f1 = 100 * scored.f1[i];
    const std::vector<std::string> &gold = scored.golds[i];
    metric.sums.insert(metric.sums.end(), {f1, 1});
    metric.baseline.insert(
        metric.baseline.end(),
        {100 * scoreAnswer(scored.baselineAnswer, gold, settings.version2WithNegative).f1, 1});
    byContext.x.push_back(
        static_cast<double>(codePoints(table.text(scored.rows[i], columns.pair))));
    byContext.y.push_back(f1);
    byAnswer.x.push_back(gold.empty() ? 0 : static_cast<double>(codePoints(gold.front())));
    byAnswer.y.push_back(f1);
    // The lowest F1 first, of equals the surest.
    badness.push_back(f1 < 100 ? 10 * (100 - f1) + scored.probability[i] : 0);
  }
  found.metric = std::move(metric);
  found.points = {std::move(byContext), std::move(byAnswer)};
  found.worstBy = "answers of the lowest F1, the surest first";
  found.valueName = "F1";
  for (std::size_t i : greatest(badness, 0)) {
    std::int64_t row = scored.rows[i];
    const std::vector<std::string> &gold = scored.golds[i];
    found.worst.push_back({table.line(row), 100 * scored.f1[i],
                           keptText(table.text(row, columns.text)),
                           keptText(table.text(row, columns.pair)),
                           gold.empty() ? "(no answer)" : keptText(gold.front()),
                           scored.answers[i].empty() ? "(no answer)"
                                                     : keptText(scored.answers[i])});
  }
  return found;
}

Result<std::string> QuestionOutputs::predictionLines(const DataTable &,
                                                     const TaskColumns &) const {
  std::string text;
  FTC_RETURN_IF_ERROR(eachQuestion([&](std::int64_t row, const AnswerChoice &choice) {
    text += "{\"id\": " + jsonString(questionId(table, row, columns)) +
            ", \"answer\": " + jsonString(choice.text) +
            ", \"score\": " + shortest(choice.probability) + "}\n";
    return Status::ok();
  }));
  return text;
}

Result<std::string> QuestionOutputs::predictionsText(const DataTable &,
                                                     const TaskColumns &) const {
  return std::string();
}

Result<std::vector<TaskFile>> QuestionOutputs::files() const {
  JsonMembers answers, best, odds;
  FTC_RETURN_IF_ERROR(eachQuestion([&](std::int64_t row, const AnswerChoice &choice) {
    std::string id = questionId(table, row, columns);
    answers.add(id, choice.text);
    OrderedJson candidates = OrderedJson::array();
    for (const AnswerCandidate &candidate : choice.best)
      candidates.push_back({{"start_logit", candidate.startLogit},
                            {"end_logit", candidate.endLogit},
                            {"text", candidate.text},
                            {"probability", candidate.probability}});
    best.add(id, std::move(candidates));
    if (settings.version2WithNegative)
      odds.add(id, choice.nullOdds);
    return Status::ok();
  }));
  std::vector<TaskFile> files;
  files.push_back(answers.file("predictions.json"));
  files.push_back(best.file("nbest_predictions.json"));
  if (settings.version2WithNegative)
    files.push_back(odds.file("null_odds.json"));
  return files;
}

} // namespace ftc::rt
