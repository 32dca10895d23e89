// Trainer: the training loop. It owns the order of things (step, log, evaluate, save, stop);
// each of them lives in a file of its own.
#pragma once

#include "runtime/report/EventFile.h"
#include "runtime/report/Report.h"
#include "runtime/support/File.h"
#include "runtime/train/BestModel.h"
#include "runtime/train/Checkpointing.h"
#include "runtime/train/Evaluation.h"
#include "runtime/train/Generation.h"
#include "runtime/train/Progress.h"
#include "runtime/train/RunData.h"
#include "runtime/train/Sampler.h"
#include "runtime/train/Schedule.h"
#include "runtime/train/StepPlan.h"
#include "runtime/train/StepRunner.h"
#include "runtime/train/SummaryTable.h"

namespace ftc::rt {

/// Steps in a row whose loss or gradients are not finite that end a run.
constexpr std::int64_t kMostNonFinite = 5;

/// An evaluation with all that is shown of it.
struct EvaluationReport {
  OrderedJson metrics; ///< "<prefix>_..." names, with loss, runtime and samples per second
  std::string details;
  std::string predictions; ///< (generated_)predictions.txt; may be empty
  bool written = false;    ///< texts were generated
  std::vector<std::pair<std::string, std::string>> signatures; ///< with the metrics' prefix
  std::vector<TaskFile> files;
  std::optional<double> baseline;
  std::int64_t examples = 0;
  /// The collector, for what the page shows beyond the metrics; its examples are the set's.
  std::shared_ptr<TaskOutputs> outputs;
};

/// What a finished run measured.
struct RunMeasures {
  double trainSeconds = 0;
  double secondsToFirstStep = 0;
  std::int64_t tokens = 0, examples = 0, steps = 0; ///< of this process alone
  double flops = 0;
  double fmaPeak = 0; ///< FLOP/s, before the first step
  std::chrono::steady_clock::time_point start; ///< of training
  double pausedSeconds = 0;       ///< of it, spent on evaluations and checkpoints
  std::vector<SpeedPoint> speed;  ///< one an entry of the log
  double loggedSeconds = 0, loggedFlops = 0; ///< up to the last of them
  std::int64_t loggedTokens = 0;
};

class Trainer {
public:
  /// Opens everything, checks everything and loads weights or a checkpoint; writes nothing but
  /// the output directory itself.
  static Result<std::unique_ptr<Trainer>> make(const TrainSettings &settings,
                                               Progress &progress);

  /// Trains to the end. Code::Interrupted, with a checkpoint committed, after a signal. A run
  /// that fails before it has one leaves no artifact.
  Status train();
  /// Takes the best model if asked to, evaluates the final weights, writes the model and all
  /// results, and gives the summary for stdout. As train() where it fails before the model is
  /// written.
  Result<std::string> finish();

private:
  Trainer(const TrainSettings &settings, Progress &progress)
      : settings(settings), progress(progress) {}
  Status open();
  Status plan();
  /// --class_weights: takes the training labels' counts, for which all are encoded.
  Status weighClasses();
  Status startOrResume();
  Status checkSteps();
  /// Whether the model or the adapter that is trained from lies in --output_dir.
  bool trainsFromOutput() const;
  Status checkSource() const;
  /// Makes the held copy of the artifact step.ftb of --output_dir, once; an overwritten run's
  /// weights, which it does not fit, go.
  Status placeArtifact();
  /// After a failed run without a checkpoint or a model, takes it out again, and the directory
  /// where this run made that: they are of no use, and the next run would be refused.
  void withdrawArtifact();
  /// What a resumed run must have as before: the loss, the update, what is best.
  OrderedJson lossSettings() const;
  /// What a resumed run may change, and says so: its length and rates.
  OrderedJson scheduleSettings() const;
  /// Says once how many of the set's examples were cut to the artifact's length.
  void sayCuts(DataSet &set, std::string_view kind);
  Status trainSteps();
  Result<std::string> finishRun();
  Status runStep();
  Status account(const StepOutcome &outcome, double rate);
  /// An error once a whole epoch (or run) was seen and no label in it counts.
  Status checkAnyCounted() const;
  /// What may help where values are not finite: `lowerRate`, and before it the epsilon of 0 that
  /// AdamW takes, as the field's own does, though it makes a NaN of a gradient that is always 0.
  std::string remedy(std::string_view lowerRate) const;
  /// Fails where a weight is a NaN or an infinity: such weights are never written.
  Status checkWeights() const;
  Status saveCheckpoint();
  Status afterStep();
  void log();
  /// Speed since the last entry of the log.
  void measureSpeed();
  /// --report_to tensorboard: makes this process's event file, once --output_dir is there.
  Status openEvents();
  /// Takes an entry into the history, and into the event file; a file that cannot be written any
  /// more is left, and that is said.
  void record(OrderedJson entry);
  Status evaluateDuringTraining();
  bool evaluationDue() const;
  bool saveDue() const;
  Status stopOnSignal();
  /// An evaluation of finish() failed: after a signal, saves the state before finish() began.
  Status stopInFinish(Status status, bool reloaded, TrainState atEnd);
  Result<EvaluationReport> evaluate(DataSet &set, const std::string &prefix);
  /// Whether evaluations of a set generate: of the test set, and where texts are scored.
  bool writes(const DataSet &set) const;
  /// Which flags of generation were given for nothing, where this run writes no texts; else
  /// empty.
  std::string describeUnusedFlags() const;
  /// The same of a task's evaluations as such.
  bool scoresTexts() const;
  /// The set's prompts, encoded once.
  Result<const Prompts *> promptsOf(const DataSet &set);
  /// Writes texts for the set's rows into `outputs`; gives the seconds that it took.
  Result<double> generate(DataSet &set, TaskOutputs &outputs);
  /// Takes what was measured of a set with labels, an evaluation's or a test's, into `report`.
  Status takeMetrics(const DataSet &set, const std::string &prefix,
                     const EvaluationResult &result, const TaskOutputs &outputs,
                     EvaluationReport &report);
  TrainerFacts facts() const;
  Status exportModel();
  Status writeAllResults(EvaluationReport *validation, EvaluationReport *test,
                         OrderedJson all);
  /// report.html, about the test data where they have labels, else about the validation data.
  Status writeReport(const EvaluationReport *validation, const EvaluationReport *test);
  ReportMeasure reportMeasure(const EvaluationReport &shown, const std::string &prefix) const;
  ReportRows dataFacts() const;
  std::vector<SummaryMetric> summaryMetrics(const EvaluationReport *shown,
                                            const std::string &prefix) const;
  std::string summary(const EvaluationReport *validation, const EvaluationReport *test) const;

  TrainSettings settings;
  FileDescriptor outputLock; ///< of --output_dir, as long as this lives
  std::optional<AtomicFile> heldArtifact; ///< to become step.ftb there
  bool artifactThere = false, exported = false; ///< step.ftb; the model
  bool madeDirectory = false, placedArtifact = false; ///< where there was none before
  Progress &progress;
  std::unique_ptr<Session> session;
  std::unique_ptr<RunData> data;
  std::optional<Prompts> validationPrompts, testPrompts;
  std::unique_ptr<StepRunner> stepper;
  std::unique_ptr<Evaluator> evaluator;
  std::optional<BestModel> best;
  std::optional<StepPlan> steps;
  std::optional<Schedule> schedule;
  std::optional<Sampler> sampler;
  std::optional<CheckpointStore> store;
  std::optional<EventFile> events;
  std::optional<std::string> from; ///< the checkpoint that the run goes on from
  std::int64_t loggingSteps = 0, evalSteps = 0, saveSteps = 0;
  TrainState state;
  RunMeasures measures;
  std::vector<const Example *> batch;
  double lastRate = 0;
  std::optional<double> lastNorm;
  std::optional<EvaluationReport> lastReport;
  std::chrono::steady_clock::time_point processStart;
};

} // namespace ftc::rt
