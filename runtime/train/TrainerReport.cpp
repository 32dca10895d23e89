// What a finished run tells its page.
#include "runtime/support/File.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"
#include "runtime/train/MainMetric.h"
#include "runtime/train/ReportRows.h"
#include "runtime/train/SettingsTable.h"
#include "runtime/train/Trainer.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

namespace ftc::rt {

namespace {

std::string share(std::int64_t part, std::int64_t whole) {
  return readableCount(part) + " of " + readableCount(whole);
}

/// What cuts lost: ", 290 tokens lost"; nothing where they lost none.
std::string lost(std::int64_t tokens) {
  return tokens ? ", " + readableCount(tokens) + " tokens lost" : "";
}

void addSet(ReportRows &rows, const std::string &name, const DataSet *set,
            const EncodeSettings &encode) {
  if (!set)
    return;
  std::int64_t encoded = set->stream ? set->stream->encodedExamples() : 0;
  rows.emplace_back(name + ": file", set->path);
  rows.emplace_back(name + ": rows", set->size() == set->table->rows()
                                         ? readableCount(set->size())
                                         : share(set->size(), set->table->rows()) + " read");
  if (!set->stream)
    return;
  rows.emplace_back(name + ": examples encoded", readableCount(encoded));
  Cuts cuts = set->stream->cuts();
  rows.emplace_back(name + ": cut to " + std::to_string(encode.maxSeqLength) + " tokens",
                    share(cuts.examples, encoded) + lost(cuts.tokens));
  if (encode.target.maxLength > 0)
    rows.emplace_back(name + ": targets cut to " + std::to_string(encode.target.maxLength) +
                          " tokens",
                      share(cuts.targets, encoded) + lost(cuts.targetTokens));
}

} // namespace

ReportMeasure Trainer::reportMeasure(const EvaluationReport &shown,
                                     const std::string &prefix) const {
  ReportMeasure measure = measureOf(*session, shown.metrics, prefix, shown.written);
  measure.set = prefix == "eval" ? "validation" : "test";
  for (const OrderedJson &entry : state.logHistory)
    if (!measure.first && entry.contains(measure.metric) && entry.contains("step") &&
        entry[measure.metric].is_number() && entry["step"].get<std::int64_t>() < state.step)
      measure.first = {entry["step"].get<std::int64_t>(), entry[measure.metric].get<double>()};
  return measure;
}

ReportRows Trainer::dataFacts() const {
  ReportRows rows;
  addSet(rows, "training", data->train.get(), data->encode);
  addSet(rows, "validation", data->validation.get(), data->encode);
  addSet(rows, "test", data->test.get(), data->encode);
  if (session->labels.size() > 0)
    rows.emplace_back("labels", readableCount(session->labels.size()));
  rows.emplace_back("steps without a label that counts", readableCount(state.skipped));
  rows.emplace_back("steps left out, loss or gradients not finite",
                    readableCount(state.nonFinite));
  return rows;
}

Status Trainer::writeReport(const EvaluationReport *validation, const EvaluationReport *test) {
  ReportData page;
  bool ofTest = test && data->test->hasLabels();
  const EvaluationReport *shown = ofTest ? test : validation;
  page.title = std::string(session->task->name()) + " with " +
               baseName(std::string(text((*session->artifact)->model_path())));
  page.subtitle = "Run " + quote(settings.outputDir, 300) + ", " + readableCount(state.step) +
                  " steps, finished " + localTime();
  if (shown) {
    page.measure = reportMeasure(*shown, ofTest ? "predict" : "eval");
    page.details = shown->details;
    // Without what a signal interrupts the page is still one.
    const DataSet &set = ofTest ? *data->test : *data->validation;
    if (Result<Findings> found = shown->outputs->findings(*set.table, set.columns))
      page.findings = found.take();
  }
  for (const EvaluationReport *one : {validation, test})
    if (one)
      addMetrics(one->metrics, page);
  page.logHistory = state.logHistory;
  page.logMetric = mainMetric(*session, "eval", shown && shown->written);
  page.data = dataFacts();
  page.speed = measures.speed;
  page.peakFlops = measures.fmaPeak;
  double seconds = std::max(measures.trainSeconds, 1e-9);
  page.throughput = {
      {"tokens a second", readableNumber(static_cast<double>(measures.tokens) / seconds)},
      {"examples a second", readableNumber(static_cast<double>(measures.examples) / seconds)},
      {"steps", readableCount(measures.steps)},
      {"seconds of training", readableNumber(measures.trainSeconds)},
      {"of them evaluations and checkpoints", readableNumber(measures.pausedSeconds)},
      {"seconds from start to first step", readableNumber(measures.secondsToFirstStep)}};
  if (measures.fmaPeak > 0)
    page.throughput.emplace_back(
        "arithmetic",
        readableNumber(measures.flops / seconds * 1e-9) + " GFLOP/s, " +
            readableNumber(std::round(100 * measures.flops / seconds / measures.fmaPeak)) +
            " % of the multiply-add peak seen, " + readableNumber(measures.fmaPeak * 1e-9) +
            " GFLOP/s");
  addMemory(*session, page);
  page.settings = settingsTable(settings);
  page.versions = versionRows(*session);
  page.command = settings.command;
  std::error_code error;
  page.workingDirectory = std::filesystem::current_path(error).string();
  return writeFileAtomic(joinPath(settings.outputDir, "report.html"), renderReport(page));
}

} // namespace ftc::rt
