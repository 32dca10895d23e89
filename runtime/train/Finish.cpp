// The end of a run: best weights, last evaluation, test predictions, model, results, report.
#include "runtime/train/Trainer.h"

#include "runtime/support/File.h"
#include "runtime/support/Format.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"
#include "runtime/train/Export.h"
#include "runtime/train/Interrupt.h"
#include "runtime/train/Results.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace ftc::rt {

namespace {

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
  Result<std::string> finished = finishRun();
  if (!finished)
    withdrawArtifact();
  return finished;
}

Result<std::string> Trainer::finishRun() {
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
    addCuts(validation->metrics, "eval", data->validation->stream->cuts());
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
    addCuts(test->metrics, "predict", data->test->stream->cuts());
  }
  trained["train_samples"] = steps->examples;
  // A run that ended before all was encoded does not know.
  if (Result<bool> encoded = data->train->stream->wait(0); encoded && *encoded)
    addCuts(trained, "train", data->train->stream->cuts());
  OrderedJson all = trained;
  FTC_RETURN_IF_ERROR(writeResults(settings.outputDir, "train_results.json", trained));
  FTC_RETURN_IF_ERROR(writeAllResults(validation ? &*validation : nullptr,
                                      test ? &*test : nullptr, std::move(all)));
  FTC_RETURN_IF_ERROR(writeReport(validation ? &*validation : nullptr, test ? &*test : nullptr));
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
  FTC_RETURN_IF_ERROR(placeArtifact());
  FTC_RETURN_IF_ERROR(rt::exportModel(*session, settings.outputDir, /*withArtifact=*/true));
  exported = true;
  return Status::ok();
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

} // namespace ftc::rt
