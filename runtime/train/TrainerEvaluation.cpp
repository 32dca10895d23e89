// A run's evaluations: what they measure, what is said of them, what they leave in the history.
#include "runtime/train/Trainer.h"

#include "runtime/train/Interrupt.h"
#include "runtime/train/Results.h"

#include <cstdio>

namespace ftc::rt {

Status Trainer::evaluateDuringTraining() {
  lastReport.reset(); // what it collected makes room
  Result<EvaluationReport> report = evaluate(*data->validation, "eval");
  if (!report && report.status().code() == Code::Interrupted)
    return stopOnSignal();
  if (!report)
    return report.takeStatus();
  OrderedJson entry = report->metrics;
  entry["epoch"] = steps->epochsDone(state.step);
  entry["step"] = state.step;
  std::string shown = best->metric().empty() ? "" : best->metric();
  char line[160];
  std::snprintf(line, sizeof line, "epoch %.2f  step %lld", steps->epochsDone(state.step),
                static_cast<long long>(state.step));
  std::string text = line;
  for (const char *name :
       {"eval_loss", "eval_accuracy", "eval_f1", "eval_rouge1", "eval_rougeL", "eval_bleu"})
    if (entry.contains(name)) {
      std::snprintf(line, sizeof line, "  %s %.4f", name, entry[name].get<double>());
      text += line;
    }
  progress.line(text);
  FTC_RETURN_IF_ERROR(best->take(entry, state));
  record(std::move(entry));
  state.lastEvaluated = state.step;
  lastReport = report.take();
  return Status::ok();
}

Result<EvaluationReport> Trainer::evaluate(DataSet &set, const std::string &prefix) {
  Result<bool> encoded = set.stream->wait(-1);
  if (!encoded)
    return encoded.takeStatus();
  sayCuts(set, &set == data->test.get() ? "test" : "validation");
  std::span<const Example> examples = set.stream->all();
  OutputSource source =
      session->outputSource(examples, *set.table, set.columns, settings.questions);
  source.stopped = [] { return interruptSignal() != 0; };
  source.baselines = &set.baselines;
  std::shared_ptr<TaskOutputs> outputs = session->task->makeOutputs(source);
  EvaluationReport report;
  report.examples = static_cast<std::int64_t>(examples.size());
  FTC_ASSIGN_OR_RETURN(EvaluationResult result,
                       evaluator->run(
                           examples, settings.evalBatchSize, *outputs,
                           [&](std::int64_t done) {
                             progress.evaluation(done, report.examples);
                             return interruptSignal() == 0;
                           }));
  report.written = writes(set);
  if (report.written) {
    FTC_ASSIGN_OR_RETURN(double seconds, generate(set, *outputs));
    result.seconds += seconds;
  }
  if (set.hasLabels())
    FTC_RETURN_IF_ERROR(takeMetrics(set, prefix, result, *outputs, report));
  addSpeed(report.metrics, prefix, result.seconds, static_cast<double>(result.examples),
           static_cast<double>(result.batches));
  FTC_ASSIGN_OR_RETURN(report.predictions, outputs->predictionsText(*set.table, set.columns));
  FTC_ASSIGN_OR_RETURN(report.files, outputs->files());
  report.outputs = std::move(outputs);
  return report;
}

void Trainer::sayCuts(DataSet &set, std::string_view kind) {
  Result<bool> encoded = set.stream->wait(0);
  if (!set.cutsSaid)
    for (const std::string &line :
         describeCuts(kind, set.stream->cuts(), set.stream->encodedExamples(), session->encode,
                      encoded && *encoded))
      progress.line(line);
  set.cutsSaid = true;
}

} // namespace ftc::rt
