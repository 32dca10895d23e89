// Entity metrics and per-word predictions from logits.
#include "runtime/tasks/TokenOutputs.h"

#include "runtime/metrics/Accuracy.h"
#include "runtime/support/Text.h"
#include "runtime/tasks/OutputChecks.h"

#include <algorithm>
#include <cstdio>
#include <optional>

namespace ftc::rt {

TokenOutputs::TokenOutputs(std::span<const Example> examples, const LabelSet &labels)
    : examples(examples), labels(labels) {
  starts.push_back(0);
  for (const Example &example : examples)
    starts.push_back(starts.back() + example.tokens());
  predicted.assign(static_cast<std::size_t>(starts.back()), -1);
}

Status TokenOutputs::add(std::span<const float> logits, std::int64_t classes,
                         std::span<const OutputRow> rows) {
  FTC_RETURN_IF_ERROR(
      checkRows(logits, classes, rows, examples, labels.size(), LabelPlacement::Token));
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const Example &example = examples[rows[row].example];
    if (example.labels[rows[row].token] == kIgnoredLabel)
      continue;
    FTC_ASSIGN_OR_RETURN(predicted[starts[rows[row].example] + rows[row].token],
                         largestLogit(logits.subspan(row * classes, classes), example));
  }
  return {};
}

Status TokenOutputs::checkComplete() const {
  for (std::size_t i = 0; i < examples.size(); ++i)
    for (std::int64_t token = 0; token < examples[i].tokens(); ++token)
      if (examples[i].labels[token] != kIgnoredLabel && predicted[starts[i] + token] < 0)
        return missingOutput(examples[i]);
  return {};
}

struct TokenOutputs::Counts {
  ConfusionMatrix words;
  SeqevalLenient lenient;
  std::optional<SeqevalStrict> strict;
};

Result<TokenOutputs::Counts> TokenOutputs::count(std::vector<double> *sentences) const {
  FTC_RETURN_IF_ERROR(checkComplete());
  Counts counts{ConfusionMatrix(labels.size()), SeqevalLenient(labels.names()), std::nullopt};
  if (SeqevalStrict::accepts(labels.names()))
    counts.strict.emplace(labels.names());
  std::vector<std::int32_t> truth, guessed;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    truth.clear();
    guessed.clear();
    for (std::int64_t token = 0; token < examples[i].tokens(); ++token) {
      std::int32_t label = examples[i].labels[token];
      if (label < 0 || label >= labels.size())
        continue;
      truth.push_back(label);
      guessed.push_back(predicted[starts[i] + token]);
      counts.words.add(truth.back(), guessed.back());
    }
    std::array<std::int64_t, 3> before = counts.lenient.counts().totals();
    counts.lenient.addSentence(truth, guessed);
    std::array<std::int64_t, 3> after = counts.lenient.counts().totals();
    for (std::size_t k = 0; sentences && k < after.size(); ++k)
      sentences->push_back(static_cast<double>(after[k] - before[k]));
    if (counts.strict)
      counts.strict->addSentence(truth, guessed);
  }
  return counts;
}

Result<Metrics> TokenOutputs::metrics() const {
  FTC_ASSIGN_OR_RETURN(Counts counts, count());
  PrecisionRecallF1 micro = counts.lenient.counts().micro();
  std::int32_t outside = labels.find("O");
  double baseline = majorityBaseline(counts.words).accuracy;
  if (outside >= 0 && counts.words.total() > 0)
    baseline = static_cast<double>(counts.words.labelTotal(outside)) /
               static_cast<double>(counts.words.total());
  Metrics result{{"precision", micro.precision},
                 {"recall", micro.recall},
                 {"f1", micro.f1},
                 {"accuracy", accuracy(counts.words)},
                 {"baseline_accuracy", baseline}};
  if (outside >= 0)
    result.emplace_back("baseline_f1", 0.0);
  if (counts.strict) {
    PrecisionRecallF1 strict = counts.strict->counts().micro();
    result.emplace_back("strict_precision", strict.precision);
    result.emplace_back("strict_recall", strict.recall);
    result.emplace_back("strict_f1", strict.f1);
  }
  for (const auto &[type, scores] : counts.lenient.counts().perType()) {
    result.emplace_back(type + "_precision", scores.precision);
    result.emplace_back(type + "_recall", scores.recall);
    result.emplace_back(type + "_f1", scores.f1);
    result.emplace_back(type + "_number", static_cast<double>(scores.support));
  }
  return result;
}

Result<std::string> TokenOutputs::report() const {
  FTC_ASSIGN_OR_RETURN(Counts counts, count());
  std::string text;
  auto section = [&](std::string_view title, const EntityCounts &entities) {
    text += std::string(title) + "\n";
    text += "type                            precision    recall        f1   support\n";
    for (const auto &[type, scores] : entities.perType())
      text += scoreLine(type, scores.precision, scores.recall, scores.f1, scores.support);
    PrecisionRecallF1 micro = entities.micro();
    text += scoreLine("all", micro.precision, micro.recall, micro.f1, micro.support);
  };
  section("entities, seqeval's default mode (lenient)", counts.lenient.counts());
  if (counts.strict)
    section("entities, seqeval's strict mode (IOB2)", counts.strict->counts());
  char line[120];
  std::snprintf(line, sizeof line, "accuracy of tags %.4f (%lld tags)\n",
                accuracy(counts.words), static_cast<long long>(counts.words.total()));
  return text + line;
}

ShownExample TokenOutputs::show(std::size_t example, double value, const DataTable &table,
                                const TaskColumns &columns) const {
  const Example &shown = examples[example];
  ShownExample out{shown.line, value, {}, {}, {}, {}};
  std::vector<std::string> words;
  table.list(shown.row, columns.text, words);
  for (std::size_t i = 0; i < words.size() && out.text.size() <= kKeptBytes; ++i)
    out.text += (i ? " " : "") + words[i];
  auto add = [&](std::string &to, std::size_t word, std::int32_t label) {
    if (label < 0 || label >= labels.size() || labels.names()[label] == "O" ||
        word >= words.size() || to.size() > kKeptBytes)
      return;
    to += (to.empty() ? "" : ", ") + keptText(words[word]) + " [" + labels.names()[label] + "]";
  };
  std::int32_t previous = -1;
  for (std::int64_t token = 0; token < shown.tokens(); ++token) {
    std::int32_t word = shown.wordIds[token];
    if (word >= 0 && word != previous && shown.labels[token] != kIgnoredLabel) {
      add(out.gold, word, shown.labels[token]);
      add(out.predicted, word, predicted[starts[example] + token]);
    }
    previous = word;
  }
  for (std::string *text : {&out.text, &out.gold, &out.predicted})
    *text = text->empty() ? "(none)" : keptText(*text);
  return out;
}

Result<Findings> TokenOutputs::findings(const DataTable &table,
                                        const TaskColumns &columns) const {
  Findings found;
  SampledMetric metric{.name = "f1",
                       .unit = "sentences",
                       .baselineName = "finding no entity at all",
                       .width = 3,
                       .value = f1OfSums};
  FTC_ASSIGN_OR_RETURN(Counts counts, count(&metric.sums));
  for (std::size_t i = 0; i < metric.sums.size(); i += 3)
    metric.baseline.insert(metric.baseline.end(), {0, 0, metric.sums[i + 2]});
  found.metric = std::move(metric);
  ScoreTable types{"Entity types", "type", counts.lenient.counts().perType()};
  types.rows.emplace_back("all types", counts.lenient.counts().micro());
  found.tables.push_back(std::move(types));
  found.confusion = ConfusionFinding{std::move(counts.words), labels.names(), "words"};
  bool byLoss = losses.size() == examples.size();
  std::vector<double> badness(examples.size(), 0);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    double wrong = 0;
    for (std::int64_t token = 0; token < examples[i].tokens(); ++token)
      wrong += examples[i].labels[token] >= 0 &&
               examples[i].labels[token] != predicted[starts[i] + token];
    badness[i] = wrong > 0 && byLoss ? losses[i] : wrong;
  }
  found.rowUnit = table.unit();
  found.worstBy = byLoss ? "sentences with wrong tags, of the highest loss" : "most wrong tags";
  found.valueName = byLoss ? "loss" : "wrong tags";
  for (std::size_t i : greatest(badness, 0))
    found.worst.push_back(show(i, badness[i], table, columns));
  return found;
}

template <typename Take>
Status TokenOutputs::eachRow(const DataTable &table, const TaskColumns &columns,
                             Take take) const {
  FTC_RETURN_IF_ERROR(checkComplete());
  std::int32_t uncovered = std::max(labels.find("O"), 0);
  std::vector<std::int32_t> words;
  for (std::size_t i = 0; i < examples.size();) {
    std::int64_t row = examples[i].row;
    if (row < 0 || row >= table.rows())
      return Status::error("expected examples of the table at hand, got one of row " +
                           std::to_string(row));
    words.assign(static_cast<std::size_t>(table.listSize(row, columns.text)), uncovered);
    for (; i < examples.size() && examples[i].row == row; ++i) {
      std::int32_t previous = -1;
      for (std::int64_t token = 0; token < examples[i].tokens(); ++token) {
        std::int32_t word = examples[i].wordIds[token];
        if (word >= 0 && word != previous && word < static_cast<std::int64_t>(words.size()) &&
            examples[i].labels[token] != kIgnoredLabel)
          words[word] = predicted[starts[i] + token];
        previous = word;
      }
    }
    take(row, words);
  }
  return {};
}

Result<std::string> TokenOutputs::predictionLines(const DataTable &table,
                                                  const TaskColumns &columns) const {
  std::string text;
  std::vector<std::string> tokens;
  auto list = [&](std::size_t size, auto item) {
    text += "[";
    for (std::size_t i = 0; i < size; ++i)
      text += (i ? ", " : "") + jsonString(item(i));
    text += "]";
  };
  FTC_RETURN_IF_ERROR(
      eachRow(table, columns, [&](std::int64_t row, const std::vector<std::int32_t> &words) {
        table.list(row, columns.text, tokens);
        text += "{\"tokens\": ";
        list(tokens.size(), [&](std::size_t i) { return std::string_view(tokens[i]); });
        text += ", \"labels\": ";
        list(words.size(),
             [&](std::size_t i) { return std::string_view(labels.names()[words[i]]); });
        text += "}\n";
      }));
  return text;
}

Result<std::string> TokenOutputs::predictionsText(const DataTable &table,
                                                  const TaskColumns &columns) const {
  std::string text;
  FTC_RETURN_IF_ERROR(
      eachRow(table, columns, [&](std::int64_t, const std::vector<std::int32_t> &words) {
        for (std::size_t i = 0; i < words.size(); ++i)
          text += (i ? " " : "") + labels.names()[words[i]];
        text += "\n";
      }));
  return text;
}

} // namespace ftc::rt
