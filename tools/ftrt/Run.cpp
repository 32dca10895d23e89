// ftrt run: fine-tunes with a compiled step.
#include "tools/ftrt/Commands.h"

#include "runtime/train/Interrupt.h"
#include "runtime/train/Schedule.h"
#include "runtime/train/Trainer.h"

#include <cmath>
#include <cstdio>

namespace ftc::cli {

namespace {

constexpr std::int64_t kMostBatch = 1 << 20;
const std::vector<std::string> kStrategies = {"no", "steps", "epoch"};

void declareData(FlagSet &flags, rt::TrainSettings &s) {
  flags.group("Data");
  flags.files("train_file", s.trainFile,
              "training examples: .csv .tsv .json .jsonl .parquet .conll .bio .txt, also .gz; two files "
              "of parallel text");
  flags.require("train_file");
  flags.files("validation_file", s.validationFile, "examples to evaluate with");
  flags.files("test_file", s.testFile, "examples to predict at the end");
  flags.text("output_dir", s.outputDir, "DIR", "where the model and all results go");
  flags.require("output_dir");
  flags.boolean("overwrite_output_dir", s.overwriteOutputDir,
                "write into a directory that is not empty");
  flags.text("text_column_name", s.columns.textColumnName, "NAME",
             "column of the text or the tokens");
  flags.text("label_column_name", s.columns.labelColumnName, "NAME",
             "column of the labels; several, A,B,…, of 0 and 1: one a label");
  flags.text("label_delimiter", s.columns.labelDelimiter, "TEXT",
             "what stands between the labels of a text that has several");
  flags.shownDefault("labels are lists");
  flags.text("sentence1_key", s.columns.sentence1Key, "NAME", "column of the first sentence");
  flags.text("sentence2_key", s.columns.sentence2Key, "NAME", "column of the second sentence");
  declareTargets(flags, s.columns, s.sourcePrefix);
  flags.boolean("label_all_tokens", s.labelAllTokens,
                "token classification: later sub-words carry their word's label too");
  flags.integer("max_train_samples", s.maxTrainSamples, {.least = 1},
                "rows of the training file that are used; of windows no more than these");
  flags.shownDefault("all");
  flags.integer("max_eval_samples", s.maxEvalSamples, {.least = 1},
                "rows of the validation file that are used");
  flags.shownDefault("all");
  flags.integer("max_predict_samples", s.maxPredictSamples, {.least = 1},
                "rows of the test file that are used");
  flags.shownDefault("all");
  flags.integer("validation_split_percentage", s.validationSplitPercentage,
                {.least = 1, .most = 99},
                "percentage of the training rows to validate with, seeded and stratified");
  flags.shownDefault("none");
}

void declareTraining(FlagSet &flags, rt::TrainSettings &s) {
  flags.group("Length and batches");
  flags.real("num_train_epochs", s.numTrainEpochs, {.least = 0, .most = 1e9, .leastOpen = true},
             "epochs, fractions allowed");
  flags.integer("max_steps", s.maxSteps, {.least = -1, .most = 4294967295},
                "steps; above 0 it overrides the epochs");
  flags.integer("per_device_train_batch_size", s.trainBatchSize,
                {.least = 1, .most = kMostBatch}, "examples in a batch");
  flags.integer("per_device_eval_batch_size", s.evalBatchSize, {.least = 1, .most = kMostBatch},
                "examples in an evaluation batch; changes no result");
  flags.integer("gradient_accumulation_steps", s.accumulationSteps,
                {.least = 1, .most = kMostBatch}, "batches in a step");
  flags.group("Optimization");
  flags.real("learning_rate", s.learningRate, {.least = 0}, "peak learning rate");
  flags.choice("lr_scheduler_type", s.schedulerType, rt::Schedule::names(),
               "how the rate goes over the steps", rt::Schedule::unsupportedNames());
  flags.integer("warmup_steps", s.warmupSteps, {.least = 0},
                "steps over which the rate rises from 0");
  flags.real("warmup_ratio", s.warmupRatio, {.least = 0, .most = 1},
             "the same as a share of all steps");
  flags.real("weight_decay", s.weightDecay, {.least = 0},
             "decoupled decay; biases and norms have none");
  flags.real("adam_beta1", s.adamBeta1, {.least = 0, .most = 1, .mostOpen = true},
             "decay of the first moment");
  flags.real("adam_beta2", s.adamBeta2, {.least = 0, .most = 1, .mostOpen = true},
             "decay of the second moment");
  flags.real("adam_epsilon", s.adamEpsilon, {.least = 0}, "added to the root");
  flags.text("optim_args", s.optimArgs, "NAME=VALUE,…",
             "sgd: momentum (0); adafactor: decay_rate (-0.8), clip_threshold (1)");
  flags.real("max_grad_norm", s.maxGradNorm, {.least = 0},
             "gradients are clipped to this global norm; 0: off");
  flags.real("label_smoothing_factor", s.labelSmoothing,
             {.least = 0, .most = 1, .mostOpen = true}, "share of the uniform distribution");
  flags.choice("class_weights", s.classWeights, {"balanced"},
               "classification: what a label counts in the loss, balanced: labels / (classes * "
               "labels of its class), of the training data; eval_loss has them too");
  flags.shownDefault("none");
  flags.real("dropout", s.dropout, {.least = 0, .most = 1, .mostOpen = true},
             "every dropout's probability");
  flags.shownDefault("the model's config");
  flags.integer("seed", s.seed, {.least = 0, .most = 4294967295},
                "same seed, same bits, whatever the thread count");
  flags.boolean("shuffle", s.shuffle, "false: the file's order");
}

void declareEvaluation(FlagSet &flags, rt::TrainSettings &s, TrackerFlags &trackers) {
  flags.group("Evaluation, checkpoints, logs");
  flags.choice("eval_strategy", s.evalStrategy, kStrategies, "when to evaluate");
  flags.real("eval_steps", s.evalSteps, {.least = 0, .leastOpen = true},
             "steps between evaluations; below 1: share of the run");
  flags.shownDefault("--logging_steps");
  flags.choice("save_strategy", s.saveStrategy, kStrategies, "when to write a checkpoint",
               {"best"});
  flags.real("save_steps", s.saveSteps, {.least = 0, .leastOpen = true},
             "steps between checkpoints; below 1: share of the run");
  flags.integer("save_total_limit", s.saveTotalLimit, {.least = 1}, "checkpoints to keep");
  flags.shownDefault("all");
  flags.boolean("load_best_model_at_end", s.loadBestModelAtEnd,
                "end with the weights of the best evaluation");
  flags.text("metric_for_best_model", s.metricForBestModel, "NAME",
             "what is best: loss, accuracy, f1, rougeL, bleu, ...");
  flags.shownDefault("loss");
  flags.boolean("greater_is_better", s.greaterIsBetter, "whether a greater metric is better");
  flags.shownDefault("true, for losses false");
  flags.integer("early_stopping_patience", s.earlyStoppingPatience, {.least = 1},
                "evaluations without a gain after which to stop");
  flags.real("early_stopping_threshold", s.earlyStoppingThreshold, {.least = 0},
             "what counts as a gain");
  flags.real("logging_steps", s.loggingSteps, {.least = 0, .leastOpen = true},
             "steps between entries of the log; below 1: share of the run");
  flags.text("resume_from_checkpoint", s.resumeFromCheckpoint, "PATH|true",
             "go on from a checkpoint; true: the newest in --output_dir");
  trackers.declare(flags);
}

/// What no single flag's range can say.
rt::Status checkTogether(const FlagSet &flags, const rt::TrainSettings &s) {
  auto whole = [](const char *name, double value) {
    return value < 1 || value == std::floor(value)
               ? rt::Status::ok()
               : rt::Status::usage(std::string("--") + name +
                                   ": expected a whole number of steps or a share below 1");
  };
  FTC_RETURN_IF_ERROR(whole("logging_steps", s.loggingSteps));
  FTC_RETURN_IF_ERROR(whole("save_steps", s.saveSteps));
  FTC_RETURN_IF_ERROR(whole("eval_steps", s.evalSteps.value_or(1)));
  if (s.validationSplitPercentage > 0 && !s.validationFile.empty())
    return rt::Status::usage("--validation_split_percentage: --validation_file is given too; "
                             "expected one of them");
  if (!s.resumeFromCheckpoint.empty() && s.overwriteOutputDir)
    return rt::Status::usage("--overwrite_output_dir: --resume_from_checkpoint is given too; "
                             "expected one of them");
  if (flags.given("greater_is_better") && s.metricForBestModel.empty())
    return rt::Status::usage("--greater_is_better: needs --metric_for_best_model");
  return rt::Status::ok();
}

} // namespace

rt::Status runCommand(Arguments arguments) {
  rt::TrainSettings settings;
  DeviceFlags device;
  TrackerFlags trackers;
  bool frozenDropout = false;
  FlagSet flags("ftrt run", "step.ftb --train_file F --output_dir D [flags]",
                "Fine-tunes a model with the step that ftc compiled.");
  flags.positional("step.ftb", settings.artifact, "what ftc compile wrote");
  flags.exits("1 also for a run that SIGTERM or SIGINT stopped: its state is saved, and "
              "--resume_from_checkpoint true goes on; a second signal stops at once.");
  declareData(flags, settings);
  declareTraining(flags, settings);
  declareEvaluation(flags, settings, trackers);
  declareQuestions(flags, settings.questions);
  declareGeneration(flags, settings.generation);
  declarePredictWithGenerate(flags, settings.predictWithGenerate);
  flags.group("Machine");
  device.declare(flags);
  flags.text("model_name_or_path", settings.modelPath, "DIR",
             "where the checkpoint lies now; its hash is checked");
  flags.shownDefault("where it was compiled from");
  flags.boolean("frozen_dropout", frozenDropout,
                "true: modules without a trainable parameter keep their dropout; takes an "
                "artifact compiled with it");
  flags.shownDefault("as compiled");
  declareHuggingFace(flags);
  refuseCompileOptions(flags);
  FTC_ASSIGN_OR_RETURN(Outcome outcome, flags.parse(arguments));
  if (outcome == Outcome::Done)
    return rt::Status::ok();
  if (settings.resumeFromCheckpoint == "True")
    settings.resumeFromCheckpoint = "true";
  if (settings.resumeFromCheckpoint == "false" || settings.resumeFromCheckpoint == "False")
    settings.resumeFromCheckpoint.clear();
  FTC_RETURN_IF_ERROR(checkTogether(flags, settings));
  std::string trackerRemark;
  FTC_RETURN_IF_ERROR(trackers.resolve(settings, trackerRemark));
  settings.command = {"ftrt", "run"};
  settings.command.insert(settings.command.end(), arguments.begin(), arguments.end());
  if (flags.given("frozen_dropout"))
    settings.frozenDropout = frozenDropout;
  settings.generation.seed = settings.seed;
  settings.device = device.device;
  settings.threads = device.threads;

  rt::InterruptScope interrupts(
      "\nftrt: stopping after this step; once more stops at once\n",
      "\nftrt: stopped at once: what came after the last checkpoint is lost; the checkpoints that "
      "there are are whole\n");
  rt::Progress progress(stderr, rt::detectProgressStyle());
  if (!trackerRemark.empty())
    progress.line(trackerRemark);
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::Trainer> trainer,
                       rt::Trainer::make(settings, progress));
  FTC_RETURN_IF_ERROR(trainer->train());
  FTC_ASSIGN_OR_RETURN(std::string summary, trainer->finish());
  progress.clear();
  std::fputs(summary.c_str(), stdout);
  return rt::Status::ok();
}

} // namespace ftc::cli
