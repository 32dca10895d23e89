// One run of `ftc assess`, for the files that implement it: AssessData reads, AssessBaselines
// and AssessProbe measure without training, AssessRuns trains, AssessCosts counts, Assess has
// the order.
#pragma once

#include "assess/Assess.h"
#include "assess/Scratch.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Format.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ftc::assess {

/// An assessment's work in passes of a row: a forward pass is 1, a step 3. Shares of the full
/// run's work: frozen features to fit with and to judge with, short runs, their evaluations.
/// Beside that come compiling and probes.
inline constexpr double kForwardPasses = 1, kStepPasses = 3;
inline constexpr double kFeatureShare = 0.02, kEvaluationShare = 0.025, kRunShare = 0.042,
                        kShortEvaluationShare = 0.012; ///< of each short run
inline constexpr double kShares =
    kFeatureShare + kEvaluationShare + kRunShare + 2 * kShortEvaluationShare;
/// Rows that are always looked at, where there are so many: by the probe, to fit with and to
/// judge with; by a short run's evaluation.
inline constexpr std::int64_t kLeastRows = 200, kLeastShortRows = 100;
inline constexpr std::int64_t kMostEpochsTried = 16;
inline constexpr std::int64_t kWrittenRows = 64; ///< evaluated by what is written for them

/// One assessment: what is asked, what was read, compiled and found so far.
class Assessor {
public:
  Assessor(const AssessOptions &options, const Say &say, const rt::StopRequest &stopped)
      : options(options), say(say), stopped(stopped) {}

  rt::Result<Assessment> run();

private:
  /// One model with what was compiled of it.
  struct Opened {
    CompileOptions compile;
    std::optional<CompiledMethod> head;   ///< of tasks that have one
    std::optional<CompiledMethod> tuned;  ///< the method asked about, where it is to be run
    std::unique_ptr<rt::Session> session; ///< of the head, or of the method where there is none
    EncodedRows train, evaluation;
    Features trainFeatures, evaluationFeatures;
    LinearProbe probe;
    std::int64_t featureRows = 0;
    double forwardPerToken = 0, trainPerToken = 0;
    bool startedFromProbe = false; ///< the model's head is one linear layer
    std::int64_t shortRows = 0;    ///< of the evaluation, that short runs are judged by
    Score probeAtRuns;             ///< what short runs begin with, on those rows
    Score reachedAtRuns;           ///< what they reach there, in the mean
    double gainRowsError = 0;      ///< of that gain: rows that were not looked at
    double rise = 0; ///< ShortRun's, of a run that went on since it had yet to begin
  };

  rt::Status open(Opened &opened, const std::string &model, std::size_t index);
  rt::Status readData(Opened &first);
  rt::Status placeEvaluation(const rt::Session &session);
  rt::Status baselines(Opened &first);
  rt::Status textBaselines();
  rt::Status labelBaseline(Opened &first);
  rt::Status calibrate(Opened &first);
  void fitBudget(double rate);
  rt::Status probeModel(Opened &opened, ModelFacts &facts);
  rt::Status probeCurve(Opened &opened, ModelFacts &facts);
  /// The places of the first `rows` training rows in a stratified order of the family's own.
  std::vector<std::int64_t> familyOrder(std::int64_t rows, std::int64_t family) const;
  /// A probe of the training rows at these places.
  LinearProbe fitPart(const Opened &opened, std::span<const std::int64_t> rows,
                      double penalty) const;
  rt::Status neighbours(Opened &opened, ModelFacts &facts);
  void transferability(const Opened &opened, ModelFacts &facts) const;
  rt::Status zeroShot(Opened &opened, ModelFacts &facts, std::size_t index);
  rt::Status assessOther(std::size_t index);
  rt::Status headOfRuns(Opened &opened, std::int64_t rows,
                        std::unique_ptr<rt::Session> &fitted);
  rt::Status shortRuns(Opened &opened, ModelFacts &facts);
  /// A run's session, with the head that short runs begin with.
  rt::Result<std::unique_ptr<rt::Session>> openRun(Opened &opened, const Recipe &recipe,
                                                   const rt::Session *fitted);
  rt::Result<Evaluated> evaluateRun(const Opened &opened, rt::Session &session) const;
  /// Rows that a run which has yet to begin goes on with; 0: it has begun, or there are none.
  std::int64_t rowsToGoOn(const Opened &opened, const Score &reached, std::int64_t count) const;
  rt::Status goOn(Opened &opened, ModelFacts &facts, rt::Session &session, const Recipe &recipe,
                  std::int64_t rows, Trained &trained, Score &reached);
  void predict(const Opened &opened, ModelFacts &facts) const;
  void predictProbe(const Opened &opened, ModelFacts &facts) const;
  /// Whether a step of the run that is asked about takes more than one: its batches are those
  /// of its sampler, over the rows that were encoded.
  bool takesSeveralMicroBatches(const Opened &first) const;
  /// What the process of that run holds beside its plan.
  rt::Result<std::int64_t> bytesBesidePlan(const Opened &first) const;
  rt::Status costs(Opened &first, ModelFacts &facts);
  rt::Status costsOfOthers(const Opened &first, bool several, ModelFacts &facts);
  rt::Result<Score> scoreLogits(const Opened &opened, const Matrix &logits,
                                std::int64_t examples, const char *prefix = "") const;
  /// The metric of the probe's logits of all evaluated rows, without groups.
  rt::Result<double> valueOf(const Opened &opened, const Matrix &logits) const;
  ProbeData probeData(const Opened &opened, const Features &features,
                      std::span<const rt::Example> examples) const;
  bool classifies() const {
    return task->hasLabelSet() && task->problemType() != rt::kRegression &&
           task->problemType() != rt::kMultiLabel;
  }
  bool hasHead() const { return !task->hasTargetText(); }
  /// Rows that a run's evaluation would have, of which parts are looked at here.
  auto evaluationSize() const { return static_cast<std::int64_t>(evaluationOrder.size()); }

  const AssessOptions &options;
  const Say &say;
  const rt::StopRequest &stopped;
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  double passes = 0; ///< of rows, that shares are shares of
  std::unique_ptr<Scratch> scratch;
  Assessment result;
  const rt::Task *task = nullptr;
  std::unique_ptr<rt::DataSet> trainSet, validationSet, testSet, heldOut;
  const rt::DataSet *evaluationSet = nullptr;
  std::vector<std::int64_t> trainOrder, evaluationOrder;
  rt::BatchCapacity tunedCapacity;
  rt::LabelPlacement tunedPlacement = rt::LabelPlacement::Sequence;
  double tokensPerRow = 0; ///< of the first model
};

} // namespace ftc::assess
