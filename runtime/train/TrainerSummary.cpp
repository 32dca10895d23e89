// What stands on stdout when a run is done.
#include "runtime/devices/FmaPeak.h"
#include "runtime/devices/ProcessMemory.h"
#include "runtime/support/Format.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"
#include "runtime/train/MainMetric.h"
#include "runtime/train/SummaryTable.h"
#include "runtime/train/Trainer.h"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace ftc::rt {

namespace {

/// What is shown beside the main metric, and the baseline of a metric where there is one.
constexpr const char *kBeside[] = {"_accuracy", "_exact_match", "_exact", "_pearson",
                                   "_rouge1",   "_chrf",        "_loss"};

std::optional<double> baselineOf(const OrderedJson &metrics, const std::string &prefix,
                                 const std::string &name) {
  std::string bare = name.substr(prefix.size() + 1);
  for (const std::string &beside :
       {prefix + "_baseline_" + bare, prefix + "_baseline_lead1_" + bare})
    if (metrics.contains(beside) && metrics[beside].is_number())
      return metrics[beside].get<double>();
  return std::nullopt;
}

} // namespace

std::vector<SummaryMetric> Trainer::summaryMetrics(const EvaluationReport *shown,
                                                   const std::string &prefix) const {
  std::vector<SummaryMetric> rows;
  if (!shown)
    return rows;
  std::vector<std::string> names = {mainMetric(*session, prefix, shown->written)};
  for (const char *beside : kBeside)
    if (prefix + beside != names.front())
      names.push_back(prefix + beside);
  for (const std::string &name : names) {
    if (!shown->metrics.contains(name) || !shown->metrics[name].is_number())
      continue;
    SummaryMetric row{
        name, {}, shown->metrics[name].get<double>(), baselineOf(shown->metrics, prefix, name)};
    for (const OrderedJson &entry : state.logHistory)
      if (!row.before && entry.contains(name) && entry[name].is_number() &&
          entry.contains("step") && entry["step"].get<std::int64_t>() < state.step)
        row.before = entry[name].get<double>();
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string Trainer::summary(const EvaluationReport *validation,
                             const EvaluationReport *test) const {
  std::vector<SummaryMetric> metrics = summaryMetrics(validation, "eval");
  for (SummaryMetric &row : summaryMetrics(test, "predict"))
    metrics.push_back(std::move(row));
  double seconds = std::max(measures.trainSeconds, 1e-9);
  std::vector<SummaryLine> lines = {
      {"training",
       {std::to_string(state.step) + " steps",
        format("%.3g", steps->epochsDone(state.step)) + " epochs",
        format("%.1f", measures.trainSeconds) + " s",
        format("%.0f", static_cast<double>(measures.tokens) / seconds) + " tokens/s",
        format("%.1f", static_cast<double>(measures.examples) / seconds) + " examples/s",
        "first step after " + format("%.2f", measures.secondsToFirstStep) + " s"}}};
  double rate = measures.flops / seconds;
  // Other processes take their share now and then: the better of before and after.
  double peak = std::max(measures.fmaPeak, multiplyAddPeak(*session, kQuickLook));
  if (peak > 0)
    lines.push_back(
        {"arithmetic",
         {format("%.1f", rate * 1e-9) + " GFLOP/s",
          format("%.0f", 100 * rate / peak) + " % of the " + format("%.0f", peak * 1e-9) +
              " that its multiply-adds were seen to reach"}});
  TrunkCache *trunk = stepper->trunk();
  if (trunk && (trunk->keptExamples() > 0 || trunk->isFull()))
    lines.push_back({"frozen part",
                     {"computed once for " + std::to_string(trunk->keptExamples()) +
                      " examples, kept in " + mebibytes(trunk->keptBytes()) + " of disk" +
                      (trunk->isFull() ? "; for the others there was no room" : "")}});
  lines.push_back({"memory",
                   {"planned " + mebibytes(plannedBytes(*session)),
                    "peak of the process " + mebibytes(peakResidentBytes())}});
  lines.push_back({"model", {quote(settings.outputDir, 200)}});
  lines.push_back({"report", {quote(joinPath(settings.outputDir, "report.html"), 200)}});
  if (events)
    lines.push_back({"event file", {quote(events->path(), 200)}});
  return layOutSummary(metrics, lines, terminalColumns(STDOUT_FILENO));
}

} // namespace ftc::rt
