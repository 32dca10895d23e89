// The loop. A step's consequences (log, evaluate, save) are functions of the state alone, so a
// run that was stopped between them takes them up where it stopped.
#include "runtime/train/Trainer.h"

#include "runtime/devices/FmaPeak.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"
#include "runtime/tasks/MetricNames.h"
#include "runtime/tasks/TaskFlags.h"
#include "runtime/train/Adapter.h"
#include "runtime/train/ClassWeights.h"
#include "runtime/train/Export.h"
#include "runtime/train/Interrupt.h"
#include "runtime/train/OutputDirectory.h"
#include "runtime/train/Results.h"
#include "runtime/train/Weights.h"

#include <algorithm>
#include <cmath>

namespace ftc::rt {

namespace {

/// How long the first step waits for the small files' encoding, so that what is wrong with
/// them shows at once, seconds.
constexpr double kEncodingPatience = 0.3;

/// Whether frozen modules keep their dropout was decided at compile time; with --method full
/// none is frozen.
Status checkFrozenDropout(const ArtifactReader &artifact, const TrainSettings &settings) {
  Json summary = Json::parse(text(artifact->summary_json()), nullptr, false);
  bool compiled = summary.is_object() && summary.value("frozen_dropout", Json()) == Json(true);
  if (settings.frozenDropout.value_or(compiled) == compiled ||
      text(artifact->method()) == "full")
    return Status::ok();
  return Status::usage(
      compiled ? "--frozen_dropout: this artifact was compiled with it; compile it without "
                 "ftc compile --frozen_dropout"
               : "--frozen_dropout: this artifact was compiled without it; compile it with "
                 "ftc compile --frozen_dropout");
}

double secondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

} // namespace

Result<std::unique_ptr<Trainer>> Trainer::make(const TrainSettings &settings,
                                               Progress &progress) {
  std::unique_ptr<Trainer> trainer(new Trainer(settings, progress));
  trainer->processStart = std::chrono::steady_clock::now();
  FTC_RETURN_IF_ERROR(trainer->open());
  FTC_RETURN_IF_ERROR(trainer->plan());
  FTC_RETURN_IF_ERROR(trainer->startOrResume());
  return trainer;
}

Status Trainer::open() {
  bool evaluates = !settings.validationFile.empty() || settings.validationSplitPercentage > 0;
  if (!evaluates) {
    settings.evalStrategy = "no";
    if (settings.loadBestModelAtEnd || settings.earlyStoppingPatience)
      return Status::usage(std::string(settings.loadBestModelAtEnd
                                           ? "--load_best_model_at_end"
                                           : "--early_stopping_patience") +
                           ": needs validation data; give --validation_file or "
                           "--validation_split_percentage");
  }
  FTC_ASSIGN_OR_RETURN(best, BestModel::make(settings));
  SessionOptions options;
  options.device = settings.device;
  options.threads = static_cast<unsigned>(settings.threads);
  options.programs = {"train_accumulate", "apply", "train_step", kTrunk};
  if (evaluates || !settings.testFile.empty())
    options.programs.insert(options.programs.end(), {"evaluate", kEvaluateHead});
  if (settings.predictWithGenerate && !settings.testFile.empty())
    options.programs.insert(options.programs.end(), {"prefill", "decode"});
  else if (settings.predictWithGenerate && evaluates)
    options.scoringPrograms = {"prefill", "decode"};
  FTC_ASSIGN_OR_RETURN(session, Session::open(settings.artifact, options));
  FTC_RETURN_IF_ERROR(checkFlags(*session, settings.columns, settings.labelAllTokens));
  FTC_RETURN_IF_ERROR(checkGenerationFlags(*session->task, settings.generation, "ftrt run"));
  FTC_RETURN_IF_ERROR(session->prepareTargets(settings.columns, settings.sourcePrefix));
  FTC_RETURN_IF_ERROR(checkFrozenDropout(*session->artifact, settings));
  FTC_RETURN_IF_ERROR(
      best->check(metricNames(*session->task, session->labels, settings.questions,
                              scoresTexts())));
  FTC_ASSIGN_OR_RETURN(data, readRunData(*session, settings));
  // A prompt that cannot be one is found before training, as are settings of generation.
  for (DataSet *set : {data->validation.get(), data->test.get()})
    if (set && writes(*set))
      if (Result<const Prompts *> prompts = promptsOf(*set); !prompts)
        return prompts.takeStatus();
  if (data->test && session->task->hasTargetText() && !writes(*data->test))
    progress.line("no texts are written for --test_file (--predict_with_generate false)");
  if (std::string unused = describeUnusedFlags(); !unused.empty())
    progress.line(unused);
  for (const std::string &remark : data->remarks)
    progress.line(remark);
  session->keepLanguages(data->train->table, data->train->columns);
  return Status::ok();
}

Status Trainer::plan() {
  // Encoding takes its time: what would be refused afterwards is refused before.
  if (session->task->windowed() || !settings.classWeights.empty())
    FTC_RETURN_IF_ERROR(checkOutputDirectory(settings));
  StepPlanRequest request;
  FTC_ASSIGN_OR_RETURN(request.examples, data->countTraining(*session));
  request.batchSize = settings.trainBatchSize;
  request.accumulation = settings.accumulationSteps;
  request.epochs = settings.numTrainEpochs;
  request.maxSteps = settings.maxSteps;
  request.warmupRatio = settings.warmupRatio;
  request.warmupSteps = settings.warmupSteps;
  FTC_ASSIGN_OR_RETURN(steps, StepPlan::make(request));
  FTC_ASSIGN_OR_RETURN(schedule, Schedule::make(settings.schedulerType, settings.learningRate,
                                                steps->warmupSteps, steps->totalSteps));
  loggingSteps = resolveSteps(settings.loggingSteps, steps->totalSteps);
  evalSteps =
      resolveSteps(settings.evalSteps.value_or(settings.loggingSteps), steps->totalSteps);
  saveSteps = resolveSteps(settings.saveSteps, steps->totalSteps);
  Hyperparameters hyper;
  hyper.adamBeta1 = settings.adamBeta1;
  hyper.adamBeta2 = settings.adamBeta2;
  hyper.adamEpsilon = settings.adamEpsilon;
  hyper.weightDecay = settings.weightDecay;
  FTC_ASSIGN_OR_RETURN(
      hyper.optimizer,
      parseOptimizerArguments(settings.optimArgs, text((*session->artifact)->optimizer())));
  hyper.maxGradNorm = settings.maxGradNorm;
  hyper.labelSmoothing = settings.labelSmoothing;
  hyper.dropout = settings.dropout;
  hyper.seed = static_cast<std::uint32_t>(settings.seed);
  FTC_RETURN_IF_ERROR(weighClasses());
  FTC_ASSIGN_OR_RETURN(stepper, StepRunner::make(*session, hyper));
  if (stepper->fused() && settings.accumulationSteps > 1)
    return Status::usage("--gradient_accumulation_steps: this artifact was compiled with "
                         "--fused_update and cannot accumulate; give 1, or compile without it");
  if (data->validation || data->test) {
    FTC_ASSIGN_OR_RETURN(evaluator, Evaluator::make(*session, settings.labelSmoothing));
  }
  batch.reserve(settings.trainBatchSize * settings.accumulationSteps);
  return Status::ok();
}

Status Trainer::weighClasses() {
  if (settings.classWeights.empty())
    return Status::ok();
  if (!session->executor->input("class_weights"))
    return Status::usage("--class_weights: the loss of " + describeTask(*session->task) +
                         " has no class weights; leave the flag out");
  FTC_ASSIGN_OR_RETURN(std::span<const Example> examples, data->encodeTraining(*session));
  FTC_ASSIGN_OR_RETURN(session->classWeights, balancedWeights(examples, session->labels));
  progress.line("class weights: " + describeWeights(session->classWeights, session->labels));
  return Status::ok();
}

Status Trainer::startOrResume() {
  FTC_RETURN_IF_ERROR(checkOutputDirectory(settings));
  RunIdentity identity;
  identity.artifact = session->artifact->sha256();
  FTC_ASSIGN_OR_RETURN(identity.trainData, data->train->fingerprint());
  identity.labelAllTokens = data->encode.labelAllTokens;
  identity.trainExamples = steps->examples;
  identity.batchSize = settings.trainBatchSize;
  identity.accumulation = settings.accumulationSteps;
  identity.seed = settings.seed;
  identity.shuffle = settings.shuffle;
  identity.splitPercentage = settings.validationSplitPercentage;
  identity.loss = lossSettings();
  identity.schedule = scheduleSettings();
  if (session->task->windowed())
    identity.docStride = settings.questions.docStride;
  if (session->task->hasTargetText()) {
    identity.languages = session->sourceLang + " " + session->targetLang;
    identity.sourcePrefix = session->encode.target.sourcePrefix;
  }
  store.emplace(settings.outputDir, identity, settings.saveTotalLimit);
  if (settings.resumeFromCheckpoint == "true") {
    std::vector<std::string> warnings;
    FTC_ASSIGN_OR_RETURN(from, store->newest(warnings));
    for (const std::string &warning : warnings)
      progress.line(warning);
    if (!from)
      progress.line("no checkpoint in " + quote(settings.outputDir) + ": starting afresh");
  } else if (!settings.resumeFromCheckpoint.empty()) {
    from = settings.resumeFromCheckpoint;
  }
  if (from) {
    std::vector<std::string> changes;
    FTC_ASSIGN_OR_RETURN(state, store->load(*session, *from, changes));
    for (const std::string &change : changes)
      progress.line("resuming with another " + change);
    FTC_RETURN_IF_ERROR(loadBaseWeights(*session, settings.modelPath));
    progress.line("resuming after step " + std::to_string(state.step) + " of " +
                  std::to_string(steps->totalSteps) + " from " + quote(*from));
  } else {
    FTC_RETURN_IF_ERROR(loadInitialWeights(*session, settings.modelPath,
                                           static_cast<std::uint32_t>(settings.seed)));
  }
  sampler.emplace(steps->examples, static_cast<std::uint32_t>(settings.seed), settings.shuffle);
  data->startTraining(*session, sampler->order(steps->epochOf(state.step)));
  for (DataSet *set : {data->validation.get(), data->test.get()})
    if (set)
      if (Result<bool> done = set->stream->wait(kEncodingPatience); !done)
        return done.takeStatus();
  // Nothing was written so far: what is wrong with the input leaves no trace.
  FTC_RETURN_IF_ERROR(prepareOutputDirectory(settings));
  FTC_RETURN_IF_ERROR(store->clean());
  if (stepper->trunk() && steps->epochsDone(steps->totalSteps) > 1) {
    if (Status kept = stepper->trunk()->keepIn(settings.outputDir); !kept)
      progress.line(kept.message() + "; frozen layers are computed in every epoch");
    else if (evaluator)
      evaluator->use(stepper->trunk());
  }
  return placeArtifact();
}

Status Trainer::placeArtifact() {
  const std::string &directory = settings.outputDir;
  std::string there = joinPath(directory, "step.ftb");
  const abi::Adapter *adapter = (*session->artifact)->adapter();
  std::vector<std::string> sources{settings.modelPath.empty()
                                       ? std::string(text((*session->artifact)->model_path()))
                                       : settings.modelPath};
  if (adapter && adapter->path())
    sources.emplace_back(text(adapter->path()));
  bool source = std::any_of(sources.begin(), sources.end(), [&](const std::string &path) {
    return isSameFile(directory, path);
  });
  // An overwritten run's weights would pass for this one's; what is trained from stays.
  if (!from && isFile(there) && !source)
    for (const char *name : {"model.safetensors", kAdapterWeights, kAdapterConfig})
      FTC_RETURN_IF_ERROR(removeFile(joinPath(directory, name)));
  return copyArtifact(*session, directory);
}

OrderedJson Trainer::lossSettings() const {
  OrderedJson json;
  json["weight_decay"] = settings.weightDecay;
  json["adam_beta1"] = settings.adamBeta1;
  json["adam_beta2"] = settings.adamBeta2;
  json["adam_epsilon"] = settings.adamEpsilon;
  json["optim_args"] = settings.optimArgs;
  json["max_grad_norm"] = settings.maxGradNorm;
  json["label_smoothing_factor"] = settings.labelSmoothing;
  json["class_weights"] = settings.classWeights;
  json["dropout"] = settings.dropout ? OrderedJson(*settings.dropout) : OrderedJson("");
  json["metric_for_best_model"] = best->metric();
  return json;
}

OrderedJson Trainer::scheduleSettings() const {
  OrderedJson json;
  json["learning_rate"] = settings.learningRate;
  json["lr_scheduler_type"] = settings.schedulerType;
  json["warmup_steps"] = settings.warmupSteps;
  json["warmup_ratio"] = settings.warmupRatio;
  json["num_train_epochs"] = settings.numTrainEpochs;
  json["max_steps"] = settings.maxSteps;
  return json;
}

Status Trainer::train() {
  measures.fmaPeak = measureFmaPeak(productsOf(text(session->executor->variant().isa())),
                                     session->device->properties().threads, kQuickLook);
  auto start = std::chrono::steady_clock::now();
  progress.begin(state.step, steps->totalSteps);
  // What the last run left undone after its last step.
  if (state.step > 0)
    FTC_RETURN_IF_ERROR(afterStep());
  while (state.step < steps->totalSteps && !state.stopped) {
    FTC_RETURN_IF_ERROR(runStep());
    if (measures.steps == 1)
      measures.secondsToFirstStep = secondsSince(processStart);
    FTC_RETURN_IF_ERROR(afterStep());
  }
  measures.trainSeconds = secondsSince(start);
  progress.clear();
  sayCuts(*data->train, "training");
  if (state.skipped > 0)
    progress.line(std::to_string(state.skipped) +
                  " steps were skipped: none of their labels counts");
  return Status::ok();
}

void Trainer::sayCuts(DataSet &set, std::string_view kind) {
  Result<bool> encoded = set.stream->wait(0);
  std::int64_t cut = set.stream->truncatedExamples();
  std::string line = describeCuts(kind, cut, set.stream->encodedExamples(),
                                  session->encode.maxSeqLength, encoded && *encoded);
  std::string targets = describeTargetCuts(kind, set.stream->truncatedTargets(),
                                           set.stream->encodedExamples(),
                                           session->encode.target.maxLength, encoded && *encoded);
  for (const std::string &said : {line, targets})
    if (!said.empty() && !set.cutsSaid)
      progress.line(said);
  set.cutsSaid = true;
}

Status Trainer::runStep() {
  const std::vector<std::int64_t> &order = sampler->order(steps->epochOf(state.step));
  StepRange range = steps->range(state.step);
  batch.clear();
  for (std::int64_t i = range.begin; i < range.end; ++i) {
    FTC_ASSIGN_OR_RETURN(const Example *example, data->train->stream->get(order[i]));
    batch.push_back(example);
  }
  double rate = schedule->rate(state.step);
  double before = session->executor->flopsDone();
  FTC_ASSIGN_OR_RETURN(StepOutcome outcome,
                       stepper->run(batch, state.step, state.updates, rate));
  double flops = session->executor->flopsDone() - before;
  measures.flops += flops;
  state.flops += flops;
  ++measures.steps;
  measures.tokens += outcome.tokens;
  measures.examples += outcome.examples;
  FTC_RETURN_IF_ERROR(account(outcome, rate));
  progress.step(state.step, outcome.loss, measures.tokens);
  return Status::ok();
}

Status Trainer::account(const StepOutcome &outcome, double rate) {
  ++state.step;
  state.tokens += outcome.tokens;
  state.examples += outcome.examples;
  lastRate = rate;
  switch (outcome.kind) {
  case StepOutcome::Kind::Updated:
    ++state.updates;
    state.nonFiniteInARow = 0;
    state.lossSinceLog += outcome.loss;
    lastNorm = outcome.gradNorm;
    return Status::ok();
  case StepOutcome::Kind::Skipped:
    ++state.skipped;
    return checkAnyCounted();
  case StepOutcome::Kind::NonFinite:
    break;
  }
  ++state.nonFinite;
  ++state.nonFiniteInARow;
  std::string what =
      "step " + std::to_string(state.step) + ": " + outcome.badTensor + " is not finite";
  if (stepper->fused())
    return Status::error(what + "; a fused update cannot undo it: resume from the last "
                                "checkpoint, with a lower --learning_rate");
  if (state.nonFiniteInARow >= kMostNonFinite)
    return Status::error(what + ", and so were the " + std::to_string(kMostNonFinite - 1) +
                         " steps before it; lower --learning_rate");
  progress.line(what + "; the weights were left as they were");
  return Status::ok();
}

Status Trainer::checkAnyCounted() const {
  bool seenAll = steps->endsEpoch(state.step) || state.step == steps->totalSteps;
  if (state.skipped < state.step || !seenAll)
    return Status::ok();
  return Status::error("nothing was trained: no label of the " + std::to_string(state.examples) +
                       " examples seen counts in the loss; expected some that are not ignored or "
                       "cut off (the artifact takes " +
                       std::to_string(session->encode.maxSeqLength) + " tokens of each) in " +
                       quote(settings.trainFile.front(), 120));
}

bool Trainer::evaluationDue() const {
  if (state.lastEvaluated >= state.step || !data->validation)
    return false;
  if (settings.evalStrategy == "steps")
    return state.step % evalSteps == 0;
  return settings.evalStrategy == "epoch" &&
         (steps->endsEpoch(state.step) || state.step == steps->totalSteps);
}

bool Trainer::saveDue() const {
  bool last = state.step == steps->totalSteps;
  if (settings.saveStrategy == "steps")
    return state.step % saveSteps == 0 || last;
  return settings.saveStrategy == "epoch" && (steps->endsEpoch(state.step) || last);
}

Status Trainer::afterStep() {
  if (state.step % loggingSteps == 0 && state.lastLogged < state.step)
    log();
  FTC_RETURN_IF_ERROR(stopOnSignal());
  progress.pause();
  if (evaluationDue())
    FTC_RETURN_IF_ERROR(evaluateDuringTraining());
  if (saveDue() || (state.stopped && settings.saveStrategy != "no"))
    FTC_RETURN_IF_ERROR(store->save(*session, state, facts()));
  progress.resume();
  return stopOnSignal();
}

Status Trainer::stopOnSignal() {
  int signal = interruptSignal();
  if (!signal)
    return Status::ok();
  progress.clear();
  FTC_RETURN_IF_ERROR(store->save(*session, state, facts()));
  return Status::interrupted(
      std::string("stopped by ") + interruptName(signal) + " after step " +
      std::to_string(state.step) + " of " + std::to_string(steps->totalSteps) + "; " +
      quote(store->path(state.step)) +
      " holds the run: --resume_from_checkpoint true goes on from there");
}

void Trainer::log() {
  double count = static_cast<double>(state.step - state.lastLogged);
  OrderedJson entry;
  entry["loss"] = state.lossSinceLog / count;
  if (lastNorm)
    entry["grad_norm"] = *lastNorm;
  entry["learning_rate"] = lastRate;
  entry["epoch"] = steps->epochsDone(state.step);
  entry["step"] = state.step;
  state.logHistory.push_back(std::move(entry));
  state.lossTotal += state.lossSinceLog;
  state.lossSinceLog = 0;
  state.lastLogged = state.step;
}

Status Trainer::evaluateDuringTraining() {
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
  state.logHistory.push_back(std::move(entry));
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
      session->outputSource(examples, set.table, set.columns, settings.questions);
  source.stopped = [] { return interruptSignal() != 0; };
  source.baselines = &set.baselines;
  std::unique_ptr<TaskOutputs> outputs = session->task->makeOutputs(source);
  EvaluationReport report;
  report.examples = static_cast<std::int64_t>(examples.size());
  if (session->task->problemType() == kSingleLabel)
    report.confusion.emplace(session->labels.size());
  FTC_ASSIGN_OR_RETURN(EvaluationResult result,
                       evaluator->run(
                           examples, settings.evalBatchSize, *outputs,
                           [&](std::int64_t done) {
                             progress.evaluation(done, report.examples);
                             return interruptSignal() == 0;
                           },
                           report.confusion ? &*report.confusion : nullptr));
  report.written = writes(set);
  if (report.written) {
    FTC_ASSIGN_OR_RETURN(double seconds, generate(set, *outputs));
    result.seconds += seconds;
  }
  if (set.hasLabels())
    FTC_RETURN_IF_ERROR(takeMetrics(set, prefix, result, *outputs, report));
  addSpeed(report.metrics, prefix, result.seconds, static_cast<double>(result.examples),
           static_cast<double>(result.batches));
  FTC_ASSIGN_OR_RETURN(report.predictions, outputs->predictionsText(set.table, set.columns));
  FTC_ASSIGN_OR_RETURN(report.files, outputs->files());
  return report;
}

TrainerFacts Trainer::facts() const {
  TrainerFacts facts;
  facts.maxSteps = steps->totalSteps;
  facts.numTrainEpochs = steps->epochs;
  facts.trainBatchSize = settings.trainBatchSize;
  facts.loggingSteps = loggingSteps;
  facts.evalSteps = evalSteps;
  facts.saveSteps = saveSteps;
  facts.epoch = steps->epochsDone(state.step);
  if (state.bestMetric && store->has(state.bestStep))
    facts.bestCheckpoint = store->path(state.bestStep);
  return facts;
}

} // namespace ftc::rt
