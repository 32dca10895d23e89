// Judge: the rules of a verdict. Each asks one question of the figures and, where its answer is
// yes, sets verdict, reason and what to do next. Verdict.cpp has their order.
#pragma once

#include "assess/Assess.h"

namespace ftc::assess {

/// What training may add without being worth it, points, whatever an evaluation can tell.
inline constexpr double kMostIgnored = 5;
/// Rows that an evaluation needs to tell anything.
inline constexpr std::int64_t kLeastEvaluation = 30;

std::string points(double value);          ///< "41.8"
std::string interval(const Prediction &p); ///< "41.8 (35.6 to 48.0)"

/// Whether `score` stands above `baseline` by more than chance would have it.
bool beats(const Score &score, const Score &baseline);

struct Judge {
  Assessment &a;
  ModelFacts &first;
  Score floor; ///< the best baseline that needs no model

  explicit Judge(Assessment &assessment);

  /// About the models (JudgeModels.cpp).
  bool satisfied();
  bool wrongModel();

  /// About the rows (JudgeRows.cpp).
  bool tooFewRows();
  bool tooFewEvaluated();
  bool nothingLearnt();
  bool needsData();
  bool tooFewToTell(); ///< a gain is expected, and nobody could see it

  /// About the run (JudgeRuns.cpp).
  bool probeSuffices();
  bool tooShortToTell(); ///< short runs in which a model may have yet to begin
  bool fineTune();

  void say(Verdict verdict, std::string reason, std::string next);
  std::string of(const std::string &what) const { return a.metric.name + " " + what; }
  /// The best that was seen of the model's frozen features.
  std::optional<Score> frozen(const ModelFacts &model) const;
  /// The best that the model was seen to reach with training.
  std::optional<Score> reached(const ModelFacts &model) const;
  bool aboveFloor(const ModelFacts &model) const;
  double withoutTraining() const; ///< the best that goes without fine-tuning
  /// What another model showed beside the first: features with features, where a task has a
  /// head, and short runs with short runs.
  std::string compared(const ModelFacts &other) const;
  /// The two commands of a run that the verdict speaks of. A head is a linear one that starts
  /// at random: it takes a higher rate than a model, and epochs that cost little once its
  /// trunk's results are kept.
  std::string trainCommand(const std::string &method) const;
};

} // namespace ftc::assess
