// The end of a run: best weights, last evaluation, test predictions, model, results, report.
#include "runtime/train/Trainer.h"

#include "runtime/devices/FmaPeak.h"
#include "runtime/report/Report.h"
#include "runtime/support/File.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"
#include "runtime/train/Export.h"
#include "runtime/train/Interrupt.h"
#include "runtime/train/Results.h"
#include "runtime/train/SettingsTable.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sys/resource.h>

namespace ftc::rt {

namespace {

std::string format(const char *pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

/// Peak resident bytes of this process.
std::int64_t peakResident() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
}

/// The metric that stands for the whole: F1 of entities, answers or several labels, accuracy for
/// one label, the squared error of values, perplexity where there are losses alone; of written
/// texts ROUGE or BLEU, the loss where nothing was generated.
std::string mainMetric(const Session &session, const std::string &prefix, bool written) {
  if (session.task->hasTargetText())
    return prefix + (!written                                    ? "_loss"
                     : session.task->name() == "summarization" ? "_rougeL"
                                                                 : "_bleu");
  if (session.task->outputWidth(session.labels) == 0)
    return prefix + "_perplexity";
  std::string_view problem = session.task->problemType();
  return prefix + (problem == kSingleLabel  ? "_accuracy"
                   : problem == kRegression ? "_mse"
                                            : "_f1");
}

std::string headline(const Session &session, const EvaluationReport &report,
                     const std::string &prefix) {
  std::string name = mainMetric(session, prefix, report.written);
  if (!report.metrics.contains(name))
    return {};
  std::string text = name + " " + format("%.4f", report.metrics[name].get<double>());
  for (const char *beside : {"_accuracy", "_exact_match", "_exact", "_pearson", "_rouge1", "_chrf"})
    if (std::string other = prefix + beside; other != name && report.metrics.contains(other))
      text += ", " + other + " " + format("%.4f", report.metrics[other].get<double>());
  for (auto [metric, about] : {std::pair("_baseline_lead1_rougeL", "the text's first sentence"),
                               std::pair("_baseline_bleu", "the source, copied")})
    if (std::string beside = prefix + metric; report.metrics.contains(beside))
      return text + " (" + beside + " " +
             format("%.4f", report.metrics[beside].get<double>()) + ": " + about + ")";
  std::string_view problem = session.task->problemType();
  std::string baseline =
      prefix + (problem == kRegression ? "_baseline_mse" : "_baseline_f1");
  bool other = problem == kMultiLabel || problem == kRegression;
  if ((other || session.layout.placement == LabelPlacement::Span) &&
      report.metrics.contains(baseline))
    text += " (" + baseline + " " + format("%.4f", report.metrics[baseline].get<double>()) +
            (problem == kRegression   ? ": always their mean)"
             : problem == kMultiLabel ? ": each label's more frequent value)"
                                      : ": always the same answer)");
  else if (report.baseline)
    text += " (accuracy of always answering with the most frequent label: " +
            format("%.4f", *report.baseline) + ")";
  return text;
}

/// How metrics were computed stands in result files beside them, and nowhere else.
void addSignatures(EvaluationReport &report) {
  for (const auto &[name, text] : report.signatures)
    report.metrics[name] = text;
}

Status writeOutputFiles(const std::string &directory, const std::string &prefix,
                        const std::vector<TaskFile> &files) {
  for (const TaskFile &file : files)
    FTC_RETURN_IF_ERROR(writeFileAtomic(joinPath(directory, prefix + file.name), file.text));
  return Status::ok();
}

} // namespace

Result<std::string> Trainer::finish() {
  TrainState atEnd = state;
  bool reloaded = false;
  double epoch = steps->epochsDone(state.step);
  OrderedJson trained;
  trained["epoch"] = epoch;
  trained["total_flos"] = state.flops;
  trained["train_loss"] = (state.lossTotal + state.lossSinceLog) /
                          std::max<double>(1, static_cast<double>(state.step));
  addSpeed(trained, "train", measures.trainSeconds, static_cast<double>(measures.examples),
           static_cast<double>(measures.steps));
  OrderedJson entry = trained;
  entry["step"] = state.step;
  record(std::move(entry));
  if (settings.loadBestModelAtEnd && state.bestMetric && state.bestStep != state.step) {
    FTC_RETURN_IF_ERROR(store->loadWeights(*session, state.bestStep));
    progress.line("took the weights of step " + std::to_string(state.bestStep) +
                  ", the best (" + best->metric() + " " + format("%.4f", *state.bestMetric) +
                  ")");
    reloaded = true;
    lastReport.reset();
  }
  std::optional<EvaluationReport> validation, test;
  if (data->validation) {
    validation = std::move(lastReport);
    if (!validation || atEnd.lastEvaluated != atEnd.step) {
      Result<EvaluationReport> report = evaluate(*data->validation, "eval");
      if (!report)
        return stopInFinish(report.takeStatus(), reloaded, std::move(atEnd));
      validation = report.take();
      if (reloaded || atEnd.lastEvaluated != atEnd.step) {
        OrderedJson last = validation->metrics;
        last["epoch"] = epoch;
        last["step"] = state.step;
        record(std::move(last));
      }
    }
    validation->metrics["epoch"] = epoch;
    validation->metrics["eval_samples"] = validation->examples;
  }
  // Before the test file: what is wrong with one of its rows, or a kill while texts are written,
  // must not cost the trained model.
  FTC_RETURN_IF_ERROR(exportModel());
  if (data->test) {
    if (evaluator)
      evaluator->use(nullptr); // these rows come once: there is nothing to keep
    Result<EvaluationReport> report = evaluate(*data->test, "predict");
    if (!report)
      return stopInFinish(report.takeStatus(), reloaded, std::move(atEnd));
    test = report.take();
    test->metrics["predict_samples"] = test->examples;
  }
  trained["train_samples"] = steps->examples;
  OrderedJson all = trained;
  FTC_RETURN_IF_ERROR(writeResults(settings.outputDir, "train_results.json", trained));
  FTC_RETURN_IF_ERROR(writeAllResults(validation ? &*validation : nullptr,
                                      test ? &*test : nullptr, std::move(all)));
  FTC_RETURN_IF_ERROR(writeReport(test && data->test->hasLabels() ? &*test
                                  : validation                    ? &*validation
                                                                  : nullptr));
  FTC_RETURN_IF_ERROR(store->prune(state));
  return summary(validation ? &*validation : nullptr, test ? &*test : nullptr);
}

Status Trainer::stopInFinish(Status status, bool reloaded, TrainState atEnd) {
  // With the best weights taken back, the last step's checkpoint is already there.
  if (status.code() != Code::Interrupted || reloaded)
    return status;
  state = std::move(atEnd);
  return stopOnSignal();
}

Status Trainer::exportModel() {
  FTC_RETURN_IF_ERROR(checkWeights());
  return rt::exportModel(*session, settings.outputDir, /*withArtifact=*/true);
}

Status Trainer::writeAllResults(EvaluationReport *validation, EvaluationReport *test,
                                OrderedJson all) {
  const std::string &directory = settings.outputDir;
  if (validation) {
    addSignatures(*validation);
    FTC_RETURN_IF_ERROR(writeResults(directory, "eval_results.json", validation->metrics));
    FTC_RETURN_IF_ERROR(writeOutputFiles(directory, "eval_", validation->files));
    mergeResults(all, validation->metrics);
  }
  if (test) {
    addSignatures(*test);
    FTC_RETURN_IF_ERROR(writeResults(directory, "predict_results.json", test->metrics));
    mergeResults(all, test->metrics);
    FTC_RETURN_IF_ERROR(writeOutputFiles(directory, "predict_", test->files));
    if (test->written || !test->predictions.empty())
      FTC_RETURN_IF_ERROR(
          writeFileAtomic(joinPath(directory, test->written ? "generated_predictions.txt"
                                                            : "predictions.txt"),
                          test->predictions));
  }
  FTC_RETURN_IF_ERROR(writeResults(directory, "all_results.json", all));
  return writeFileAtomic(joinPath(directory, "trainer_state.json"),
                         dumpJson(trainerStateJson(state, facts()), 2) + "\n");
}

Status Trainer::writeReport(const EvaluationReport *shown) {
  ReportData page;
  page.title = std::string(session->task->name()) + " with " +
               std::string(text((*session->artifact)->model_type()));
  page.logHistory = state.logHistory;
  page.labels = session->labels.names();
  std::string prefix = "eval";
  if (shown) {
    for (const auto &[name, value] : shown->metrics.items())
      if (value.is_number())
        page.metrics.emplace_back(name, value.dump());
    if (shown->metrics.contains("predict_samples"))
      prefix = "predict";
    page.headline = headline(*session, *shown, prefix);
    page.details = shown->details;
    page.confusion = shown->confusion;
    if (session->task->problemType() == kSingleLabel)
      page.baseline = shown->baseline;
  }
  page.metricName = mainMetric(*session, "eval", shown && shown->written);
  double seconds = std::max(measures.trainSeconds, 1e-9);
  page.throughput = {
      {"tokens a second", format("%.0f", static_cast<double>(measures.tokens) / seconds)},
      {"examples a second", format("%.1f", static_cast<double>(measures.examples) / seconds)},
      {"steps", std::to_string(measures.steps)},
      {"seconds of training", format("%.1f", measures.trainSeconds)},
      {"seconds from start to first step", format("%.2f", measures.secondsToFirstStep)},
      {"device", session->device->properties().description}};
  const MemoryUse &memory = session->executor->memory();
  page.memory = {
      {"parameters", mebibytes(memory.params)},
      {"gradients apart from the arena", mebibytes(memory.grads)},
      {"moments", mebibytes(memory.moments)},
      {"of these, for tokens that no text had: never used",
       mebibytes(session->executor->unusedBytes() + session->demanded.absentBytes())},
      {"arena (activations, gradients, temporaries)", mebibytes(memory.arena)},
      {"inputs and outputs", mebibytes(memory.inputs + memory.outputs)},
      {"planned in all", mebibytes(plannedBytes(*session))},
      {"peak of the process", mebibytes(peakResident())}};
  page.settings = settingsTable(settings);
  return writeFileAtomic(joinPath(settings.outputDir, "report.html"), renderReport(page));
}

std::string Trainer::summary(const EvaluationReport *validation,
                             const EvaluationReport *test) const {
  std::string text;
  if (validation)
    text += "validation   " + headline(*session, *validation, "eval") + "\n";
  if (test)
    if (std::string line = headline(*session, *test, "predict"); !line.empty())
      text += "test         " + line + "\n";
  double seconds = std::max(measures.trainSeconds, 1e-9);
  text += "training     " + std::to_string(state.step) + " steps, " +
          format("%.3g", steps->epochsDone(state.step)) + " epochs; " +
          format("%.1f", measures.trainSeconds) + " s, " +
          format("%.0f", static_cast<double>(measures.tokens) / seconds) + " tokens/s, " +
          format("%.1f", static_cast<double>(measures.examples) / seconds) +
          " examples/s, first step after " + format("%.2f", measures.secondsToFirstStep) +
          " s\n";
  double rate = measures.flops / seconds;
  // Other processes take their share now and then: the better of before and after.
  double peak = std::max(measures.fmaPeak, multiplyAddPeak(*session, kQuickLook));
  if (peak > 0)
    text += "arithmetic   " + format("%.1f", rate * 1e-9) + " GFLOP/s, " +
            format("%.0f", 100 * rate / peak) + " % of the " + format("%.0f", peak * 1e-9) +
            " that its multiply-adds were seen to reach\n";
  TrunkCache *trunk = stepper->trunk();
  if (trunk && (trunk->keptExamples() > 0 || trunk->isFull()))
    text += "frozen part  computed once for " + std::to_string(trunk->keptExamples()) +
            " examples, kept in " + mebibytes(trunk->keptBytes()) + " of disk" +
            (trunk->isFull() ? "; for the others there was no room" : "") + "\n";
  text += "memory       planned " +
          mebibytes(plannedBytes(*session)) +
          ", peak of the process " + mebibytes(peakResident()) + "\n";
  return text + "model        " + quote(settings.outputDir, 200) + "\n";
}

} // namespace ftc::rt
