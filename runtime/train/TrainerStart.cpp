// The beginning of a run: everything opened and checked, the plan of its steps, weights or a
// checkpoint, the output directory.
#include "runtime/train/Trainer.h"

#include "runtime/checkpoint/Checkpoints.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"
#include "runtime/tasks/MetricNames.h"
#include "runtime/tasks/TaskFlags.h"
#include "runtime/train/Adapter.h"
#include "runtime/train/ClassWeights.h"
#include "runtime/train/Export.h"
#include "runtime/train/Interrupt.h"
#include "runtime/train/OutputDirectory.h"
#include "runtime/train/Weights.h"

#include <algorithm>

namespace ftc::rt {

namespace {

/// How long the first step waits for the small files' encoding, so that what is wrong with
/// them shows at once, seconds.
constexpr double kEncodingPatience = 0.3;

/// Epochs whose batches are looked at before the first step: as many as a run has by default.
constexpr std::int64_t kEpochsLookedAt = 3;

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

} // namespace

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
  FTC_RETURN_IF_ERROR(best->check(
      metricNames(*session->task, session->labels, settings.questions, scoresTexts())));
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
  session->keepLanguages(*data->train->table, data->train->columns);
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
  FTC_ASSIGN_OR_RETURN(outputLock, lockOutputDirectory(settings.outputDir));
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
  FTC_RETURN_IF_ERROR(checkSource());
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
  FTC_RETURN_IF_ERROR(checkSteps());
  for (DataSet *set : {data->validation.get(), data->test.get()})
    if (set)
      if (Result<bool> done = set->stream->wait(kEncodingPatience); !done)
        return done.takeStatus();
  // Nothing was written so far: what is wrong with the input leaves no trace.
  madeDirectory = outputLock.get() < 0;
  FTC_RETURN_IF_ERROR(prepareOutputDirectory(settings, outputLock));
  FTC_RETURN_IF_ERROR(store->clean());
  if (stepper->trunk() && steps->epochsDone(steps->totalSteps) > 1) {
    if (Status kept = stepper->trunk()->keepIn(settings.outputDir); !kept)
      progress.line(kept.message() + "; frozen layers are computed in every epoch");
    else if (evaluator)
      evaluator->use(stepper->trunk());
  }
  FTC_RETURN_IF_ERROR(openEvents());
  FTC_ASSIGN_OR_RETURN(std::optional<AtomicFile> copy,
                       copyArtifact(*session, settings.outputDir));
  if (copy)
    heldArtifact.emplace(std::move(*copy));
  return Status::ok();
}

/// Where a step of several micro-batches would be refused, those of the first epochs are looked
/// at before the first one runs, unless the longest texts fit one: later ones hold the same
/// examples in other orders, and running refuses them all the same.
Status Trainer::checkSteps() {
  const BatchCapacity &capacity = session->capacity;
  std::int64_t most = settings.trainBatchSize * settings.accumulationSteps;
  std::int64_t longest = (*session->artifact)->task()->max_seq_length();
  bool fit = session->layout.placement == LabelPlacement::Sequence &&
             most <= capacity.sequences &&
             most <= capacity.tokens / std::max<std::int64_t>(longest, 1);
  if (fit || !stepper->refusesMicroBatches())
    return Status::ok();
  std::int64_t looked = (settings.shuffle ? kEpochsLookedAt : 1) * steps->stepsPerEpoch;
  std::int64_t end = std::min(steps->totalSteps, state.step + looked);
  std::vector<const Example *> examples;
  for (std::int64_t step = state.step; step < end; ++step) {
    if (int signal = interruptSignal())
      return Status::interrupted(std::string("stopped by ") + interruptName(signal) +
                                 " before the first step; nothing was written");
    const std::vector<std::int64_t> &order = sampler->order(steps->epochOf(step));
    StepRange range = steps->range(step);
    examples.clear();
    for (std::int64_t i = range.begin; i < range.end; ++i) {
      FTC_ASSIGN_OR_RETURN(const Example *example, data->train->stream->get(order[i]));
      examples.push_back(example);
    }
    FTC_RETURN_IF_ERROR(stepper->check(examples));
  }
  return Status::ok();
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

} // namespace ftc::rt
