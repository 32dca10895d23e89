// TrainSettings: every flag of `ftrt run` with its default. The command line fills it; nothing
// below the command line knows how.
#pragma once

#include "runtime/generation/GenerationPlan.h"
#include "runtime/tasks/Task.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ftc::rt {

struct TrainSettings {
  std::string artifact, outputDir;
  /// One file each, or two of parallel text; empty: not given.
  std::vector<std::string> trainFile, validationFile, testFile;
  ColumnFlags columns;
  bool labelAllTokens = false;
  QuestionSettings questions{};
  std::optional<std::string> sourcePrefix; ///< targets; absent: the artifact's
  GenerationFlags generation{}; ///< of texts for the test file, and those that are scored
  bool predictWithGenerate = true; ///< false: evaluations have losses alone, nothing is written
  std::int64_t maxTrainSamples = -1, maxEvalSamples = -1, maxPredictSamples = -1; ///< -1: all
  std::int64_t validationSplitPercentage = 0;             ///< 0: no split

  double numTrainEpochs = 3;
  std::int64_t maxSteps = -1;
  std::int64_t trainBatchSize = 8, evalBatchSize = 8, accumulationSteps = 1;

  double learningRate = 5e-5;
  std::string schedulerType = "linear";
  std::int64_t warmupSteps = 0;
  double warmupRatio = 0;
  double weightDecay = 0, adamBeta1 = 0.9, adamBeta2 = 0.999, adamEpsilon = 1e-8;
  std::string optimArgs;  ///< "momentum=0.9": see OptimizerArguments.h
  double maxGradNorm = 1; ///< 0: off
  double labelSmoothing = 0;
  std::string classWeights; ///< "balanced", or empty: all count alike
  std::optional<double> dropout; ///< every dropout's probability; absent: the artifact's
  std::optional<bool> frozenDropout; ///< must be as compiled; absent: whatever that is
  std::int64_t seed = 42;
  bool shuffle = true;

  std::string evalStrategy = "epoch", saveStrategy = "epoch"; ///< no, steps, epoch
  std::optional<double> evalSteps; ///< absent: loggingSteps; below 1: a share of the run
  double saveSteps = 500, loggingSteps = 10;
  std::optional<std::int64_t> saveTotalLimit;
  bool loadBestModelAtEnd = false;
  std::string metricForBestModel; ///< empty: loss where a metric is needed
  std::optional<bool> greaterIsBetter;
  std::optional<std::int64_t> earlyStoppingPatience;
  double earlyStoppingThreshold = 0;
  std::string resumeFromCheckpoint; ///< empty, "true" (the newest) or a path
  bool overwriteOutputDir = false;
  bool tensorBoard = false;       ///< event files are written
  std::string loggingDir, runName; ///< where; see TrainerEvents.cpp
  std::vector<std::string> command; ///< as it was typed, for the report; empty: unknown

  std::string device = "cpu";
  std::int64_t threads = 0; ///< 0: every core
  std::string modelPath;    ///< empty: where the artifact says
};

} // namespace ftc::rt
