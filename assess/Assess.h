// `ftc assess` as a function: whether fine-tuning pays, with the figures that say so.
#pragma once

#include "assess/DataFacts.h"
#include "assess/LearningCurve.h"
#include "assess/Runs.h"
#include "runtime/generation/GenerationPlan.h"

#include <functional>
#include <optional>

namespace ftc::assess {

struct AssessOptions {
  std::vector<std::string> models;
  CompileOptions compile; ///< of the first model: task, columns, lengths, precision
  std::vector<std::string> validationFile, testFile; ///< empty: not given
  rt::QuestionSettings questions{};
  rt::GenerationFlags generation{};
  Recipe recipe;
  std::string method = "full";      ///< of the run that is asked about
  std::string metric;               ///< empty: the task's main one
  std::optional<double> target;     ///< points
  std::optional<double> timeBudget; ///< seconds
  std::int64_t validationSplitPercentage = 20;
};

/// In the order of --exit_code's 10 to 15.
enum class Verdict {
  AlreadySatisfies,
  ProbeSuffices,
  FineTune,
  NeedData,
  WrongModel,
  Inconclusive
};
inline constexpr int kVerdicts = 6;
std::string_view verdictName(Verdict verdict); ///< "FINE-TUNE"
int verdictExitCode(Verdict verdict);

/// A baseline or a measured value: what it is called, and its score.
struct NamedScore {
  std::string name;
  Score score;
};

struct MethodCost {
  std::string method;
  std::int64_t peakBytes = 0;    ///< of the plan
  std::int64_t processBytes = 0; ///< of the process of the run: plan, program and data
  std::int64_t trainable = 0, parameters = 0;
  std::optional<double>
      seconds;            ///< of the whole training run on this machine; absent: not measured
  bool estimated = false; ///< seconds: by what is computed beside the method asked about
};

/// What chance moves the metric by, in points (docs/assess.md says what each is).
struct NoiseFacts {
  double rows = 0;    ///< standard error over the evaluation's rows, were they drawn anew
  double subsets = 0; ///< standard deviation of the probe over its training rows, at probeRows
  double seeds = 0;   ///< standard deviation of a short run over seeds, on the same rows
  double seedFreedom = 0; ///< degrees of freedom of `seeds`
  std::int64_t subsetCount = 0, seedCount = 0; ///< that were fitted, run; 0: not measured
};

/// What was found of one model.
struct ModelFacts {
  std::string model;
  double unknownShare = 0, tokensPerWord = 0;
  std::optional<double> logMe;
  std::optional<Score> zeroShot;
  std::string zeroShotNote; ///< why there is none
  std::optional<Score> linearProbe, neighbours;
  double probePenalty = 0;
  std::int64_t neighbourCount = 0;
  std::int64_t probeRows = 0;
  std::vector<CurvePoint> probeCurve, tunedCurve;
  std::int64_t shortSteps = 0;          ///< of each short run
  bool tooShort = false;                ///< they tell the least that training reaches, no more
  bool tunedFromProbe = false;          ///< the short run began with the probe as head
  std::optional<Score> gain;            ///< of the short run over that probe, on the same rows
  std::optional<Prediction> probeAtAll; ///< at all training rows
  std::optional<Prediction> tunedAtAll;
  PowerLaw probeLaw, tunedLaw;
  NoiseFacts noise;
  std::vector<MethodCost> costs;
};

struct Assessment {
  std::string task;
  MetricChoice metric;
  Recipe recipe;
  std::string method;
  std::string dataFlags;    ///< " --train_file F …": files and columns, for a shell
  std::string compileFlags; ///< lengths and precision that were asked for
  std::string runFlags;     ///< the file to evaluate with, and a seed that is not the default
  std::optional<double> target;
  DataFacts data;
  std::int64_t evaluationRows = 0; ///< that were looked at, of evaluationSize
  std::int64_t evaluationSize = 0; ///< that a run's evaluation would have
  std::string evaluationSource;    ///< "validation file", "20 % of the training file"
  std::int64_t leakedLeftOut = 0;
  std::vector<NamedScore> baselines; ///< without a model
  std::vector<ModelFacts> models;
  double detectable =
      0; ///< points that two runs must differ by to tell, at this evaluation's size
  double detectableTest = 0;        ///< at the test file's size; 0: no test file
  double fullRunSeconds = 0;        ///< estimate of the training run asked about
  double seconds = 0;               ///< that assessing took
  std::vector<std::string> leftOut; ///< what the time budget did not allow
  std::vector<std::string> notes;
  Verdict verdict = Verdict::Inconclusive;
  std::string reason;          ///< one or two sentences
  std::string next;            ///< a command, or what to do
  std::int64_t rowsNeeded = 0; ///< NEED DATA: training rows; 0: not known
  std::string betterModel;     ///< WRONG MODEL: which; may be empty
};

/// A line of progress for people.
using Say = std::function<void(const std::string &)>;

/// Runs the whole assessment. Errors are those of files, columns and models.
rt::Result<Assessment> assess(const AssessOptions &options, const Say &say,
                              const rt::StopRequest &stopped);

/// Sets verdict, reason and what to do next from the figures.
void decide(Assessment &assessment);

/// The least difference of two independent scores with this standard error each that a test at
/// 5 % finds 8 times of 10: (1.96 + 0.84) sqrt(2) error.
double detectableDifference(double error);

/// For people, at most 80 columns.
std::string renderText(const Assessment &assessment);
/// All figures as JSON.
std::string renderJson(const Assessment &assessment);
/// One self-contained page.
std::string renderHtml(const Assessment &assessment);

} // namespace ftc::assess
