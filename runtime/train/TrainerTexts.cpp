// What evaluations of a run write and measure: prompts, texts, and the metrics of a set.
#include "runtime/train/Interrupt.h"
#include "runtime/train/Trainer.h"

namespace ftc::rt {

Status Trainer::takeMetrics(const DataSet &set, const std::string &prefix,
                            const EvaluationResult &result, const TaskOutputs &outputs,
                            EvaluationReport &report) {
  if (result.counted > 0)
    report.metrics[prefix + "_loss"] = result.loss();
  else
    progress.line(set.path + ": none of its " + std::to_string(report.examples) +
                  " examples has a label that counts: there is no " + prefix + "_loss");
  FTC_ASSIGN_OR_RETURN(Metrics metrics, outputs.metrics());
  for (const auto &[name, value] : metrics) {
    report.metrics[prefix + "_" + name] = value;
    if (name == "baseline_accuracy")
      report.baseline = value;
  }
  if (report.written)
    for (const auto &[name, text] : outputs.signatures())
      report.signatures.emplace_back(prefix + "_" + name, text);
  FTC_ASSIGN_OR_RETURN(report.details, outputs.report());
  return Status::ok();
}

bool Trainer::scoresTexts() const {
  return settings.predictWithGenerate && session->task->hasTargetText();
}

bool Trainer::writes(const DataSet &set) const {
  return settings.predictWithGenerate && session->task->generates() &&
         (session->task->hasTargetText() || &set == data->test.get());
}

std::string Trainer::describeUnusedFlags() const {
  std::string given = givenGenerationFlags(settings.generation);
  bool written = (data->validation && writes(*data->validation)) ||
                 (data->test && writes(*data->test));
  if (given.empty() || written)
    return {};
  std::string wanted = !settings.predictWithGenerate ? "without --predict_with_generate false"
                       : session->task->hasTargetText()
                           ? "with --validation_file, --validation_split_percentage or --test_file"
                           : "with --test_file";
  return given + ": without effect, this run writes no texts; it would " + wanted;
}

Result<const Prompts *> Trainer::promptsOf(const DataSet &set) {
  std::optional<Prompts> &prompts = &set == data->test.get() ? testPrompts : validationPrompts;
  if (!prompts) {
    FTC_ASSIGN_OR_RETURN(prompts, encodePrompts(*session, *set.table, set.columns, set.rows,
                                                settings.generation));
  }
  return static_cast<const Prompts *>(&*prompts);
}

Result<double> Trainer::generate(DataSet &set, TaskOutputs &outputs) {
  auto start = std::chrono::steady_clock::now();
  FTC_ASSIGN_OR_RETURN(const Prompts *prompts, promptsOf(set));
  FTC_ASSIGN_OR_RETURN(
      std::vector<WrittenText> written,
      writeTexts(*session, *prompts, settings.generation, [&](std::int64_t done) {
        progress.evaluation(done, set.size());
        return interruptSignal() == 0;
      }));
  std::string cuts = describePromptCuts(*session, *prompts);
  // Of target texts that is said of the examples, unless prompts have less room.
  bool known = session->task->hasTargetText() && prompts->limit >= session->encode.maxSeqLength;
  if (!cuts.empty() && !known)
    progress.line(cuts);
  outputs.takeTexts(std::move(written), /*showIds=*/false);
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return seconds.count();
}

} // namespace ftc::rt
