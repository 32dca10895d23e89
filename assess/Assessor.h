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
/// What is not counted (compiling, probes) takes it to about 14 % of the run's time.
inline constexpr double kForwardPasses = 1, kStepPasses = 3;
inline constexpr double kFeatureShare = 0.03, kEvaluationShare = 0.02, kRunShare = 0.045,
                        kShortEvaluationShare = 0.015;
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
    std::optional<CompiledMethod> head;
    std::unique_ptr<rt::Session> session; ///< of the head, or of the method where there is none
    EncodedRows train, evaluation;
    Features trainFeatures, evaluationFeatures;
    LinearProbe probe;
    std::int64_t featureRows = 0;
    double forwardPerToken = 0;
  };

  rt::Status open(Opened &opened, const std::string &model, std::size_t index);
  rt::Status readData(Opened &first);
  rt::Status placeEvaluation(const rt::Session &session);
  rt::Status baselines(Opened &first);
  rt::Status textBaselines();
  rt::Status calibrate(Opened &first);
  rt::Status probeModel(Opened &opened, ModelFacts &facts);
  rt::Status probeCurve(Opened &opened, ModelFacts &facts, const ProbeData &data);
  rt::Status zeroShot(Opened &opened, ModelFacts &facts, std::size_t index);
  rt::Status assessOther(std::size_t index);
  rt::Status shortRuns(Opened &first, ModelFacts &facts);
  rt::Result<Trained> oneRun(Opened &first, std::int64_t rows, const LinearProbe *start,
                             const rt::Session *fitted, Evaluated &evaluated);
  void predict(ModelFacts &facts);
  /// Whether a step of the run that is asked about takes more than one: its batches are those
  /// of its sampler, over the rows that were encoded.
  bool takesSeveralMicroBatches(const Opened &first) const;
  rt::Status costs(Opened &first, ModelFacts &facts);
  rt::Status costsOfOthers(const Opened &first, bool several, ModelFacts &facts);
  rt::Result<Score> scoreLogits(const Opened &opened, const Matrix &logits,
                                std::int64_t examples, const char *prefix = "") const;
  ProbeData probeData(const Opened &opened, const Features &features,
                      std::span<const rt::Example> examples) const;
  bool classifies() const {
    return task->hasLabelSet() && task->problemType() != rt::kRegression &&
           task->problemType() != rt::kMultiLabel;
  }
  bool hasHead() const { return !task->hasTargetText(); }
  bool probes() const {
    return hasHead() && (classifies() || task->labelPlacement() == rt::LabelPlacement::Span);
  }

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
  std::optional<CompiledMethod> tuned;
  rt::BatchCapacity tunedCapacity;
  rt::LabelPlacement tunedPlacement = rt::LabelPlacement::Sequence;
  double trainPerToken = 0, tokensPerRow = 0;
  bool startedFromProbe = false; ///< the model's head is one linear layer
  std::int64_t shortRows = 0;    ///< of the evaluation, that short runs are judged by
  Score probeAtRuns;             ///< the probe that short runs begin with, on their evaluation
};

} // namespace ftc::assess
