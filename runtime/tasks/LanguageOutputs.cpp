// Perplexity from summed losses; texts as JSON lines and as plain ones.
#include "runtime/tasks/LanguageOutputs.h"

#include "runtime/tasks/TextLines.h"

#include <cmath>
#include <cstdio>

namespace ftc::rt {

Status LanguageOutputs::add(std::span<const float>, std::int64_t, std::span<const OutputRow>) {
  return Status::error("a language model's evaluation gives losses, got logits");
}

void LanguageOutputs::takeLoss(double sum, std::int64_t count) {
  lossSum += sum;
  counted += count;
}

Result<Metrics> LanguageOutputs::metrics() const {
  Metrics values;
  if (counted > 0)
    values.emplace_back("perplexity", std::exp(lossSum / static_cast<double>(counted)));
  values.emplace_back("tokens", static_cast<double>(counted));
  return values;
}

Result<std::string> LanguageOutputs::report() const {
  FTC_ASSIGN_OR_RETURN(Metrics values, metrics());
  if (counted == 0)
    return std::string("no token counts: there is no perplexity\n");
  char text[96];
  std::snprintf(text, sizeof text, "perplexity %.4f (%lld tokens)\n", values[0].second,
                static_cast<long long>(counted));
  return std::string(text);
}

namespace {

/// exp of the mean loss a token.
double perplexityOfSums(std::span<const double> sums) {
  return sums[1] > 0 ? std::exp(sums[0] / sums[1]) : 0;
}

/// A text as the data has it; of a conversation its messages' contents.
std::string rowText(const DataTable &table, std::int64_t row, int column) {
  if (column < 0)
    return {};
  std::string text(table.text(row, column).substr(0, 2 * kKeptBytes));
  for (const Object &object : table.objects(row, column))
    for (const ObjectMember &member : object)
      if (text.size() < kKeptBytes)
        text += (text.empty() ? "" : member.key == "role" ? "\n" : " ") +
                std::string(member.text.substr(0, 2 * kKeptBytes)) +
                (member.key == "role" ? ":" : "");
  return keptText(text);
}

} // namespace

Result<Findings> LanguageOutputs::findings(const DataTable &table,
                                           const TaskColumns &columns) const {
  Findings found;
  if (losses.size() != examples.size() || examples.empty())
    return found;
  SampledMetric metric{.name = "perplexity",
                       .unit = "texts",
                       .width = 2,
                       .value = perplexityOfSums,
                       .greaterIsBetter = false};
  PointFinding byLength{.title = "Loss by length",
                        .xName = "tokens that count",
                        .yName = "loss a token"};
  std::vector<double> means;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    double count = static_cast<double>(examples[i].countedLabels());
    means.push_back(count > 0 ? losses[i] / count : 0);
    if (count == 0)
      continue;
    metric.sums.insert(metric.sums.end(), {losses[i], count});
    byLength.x.push_back(count);
    byLength.y.push_back(means.back());
  }
  found.metric = std::move(metric);
  found.points.push_back(std::move(byLength));
  found.rowUnit = table.unit();
  found.worstBy = "texts of the highest loss a token";
  found.valueName = "loss a token";
  for (std::size_t i : greatest(means, 0))
    found.worst.push_back({examples[i].line, means[i],
                           rowText(table, examples[i].row, columns.text), {},
                           rowText(table, examples[i].row, columns.label),
                           texts.size() == examples.size() ? keptText(texts[i].text)
                                                           : std::string()});
  return found;
}

Result<std::string> LanguageOutputs::predictionLines(const DataTable &,
                                                     const TaskColumns &) const {
  return jsonTextLines(texts, showIds);
}

Result<std::string> LanguageOutputs::predictionsText(const DataTable &,
                                                     const TaskColumns &) const {
  return joinTexts(texts);
}

} // namespace ftc::rt
