// What the rules have in common: words for figures, and the best of what was seen.
#include "assess/Judge.h"

#include "runtime/report/Report.h"
#include "runtime/support/Format.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace ftc::assess {

namespace {

/// What ftrt run fits a new head with (docs/assess.md has what it reaches beside the probe).
constexpr double kHeadRate = 0.05, kHeadEpochs = 40;

} // namespace

std::string points(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string interval(const Prediction &p) {
  return points(p.value) + " (" + points(p.low) + " to " + points(p.high) + ")";
}

bool beats(const Score &score, const Score &baseline) {
  double error = std::hypot(score.error, baseline.error);
  return score.value - baseline.value > std::max(2.0 * error, 1.0);
}

Judge::Judge(Assessment &assessment) : a(assessment), first(assessment.models.front()) {
  floor.value = 0;
  for (const NamedScore &baseline : a.baselines)
    if (baseline.score.value > floor.value)
      floor = baseline.score;
}

void Judge::say(Verdict verdict, std::string reason, std::string next) {
  a.verdict = verdict;
  a.reason = std::move(reason);
  a.next = std::move(next);
}

std::optional<Score> Judge::frozen(const ModelFacts &model) const {
  std::optional<Score> best;
  for (const std::optional<Score> &score : {model.linearProbe, model.neighbours})
    if (score && (!best || score->value > best->value))
      best = score;
  return best;
}

std::optional<Score> Judge::reached(const ModelFacts &model) const {
  std::optional<Score> best = frozen(model);
  if (!model.tunedCurve.empty()) {
    const CurvePoint &last = model.tunedCurve.back();
    if (!best || last.value > best->value)
      best = Score{last.value, last.error, 0};
  }
  return best;
}

bool Judge::aboveFloor(const ModelFacts &model) const {
  std::optional<Score> score = reached(model);
  return score && beats(*score, floor);
}

double Judge::withoutTraining() const {
  return std::max(first.zeroShot ? first.zeroShot->value : 0,
                  first.probeAtAll ? first.probeAtAll->value : 0);
}

/// The shortest text that reads as the same number.
static std::string flagNumber(double value) {
  std::string text;
  for (int digits = 6; digits <= 17; ++digits)
    if (text = rt::format("%.*g", digits, value); std::strtod(text.c_str(), nullptr) == value)
      break;
  return text;
}

std::string Judge::trainCommand(const std::string &method) const {
  bool head = method == "head";
  std::string recipe =
      " --learning_rate " + flagNumber(head ? kHeadRate : a.recipe.learningRate) +
      " --num_train_epochs " + flagNumber(head ? kHeadEpochs : a.recipe.epochs) +
      " --per_device_train_batch_size " + std::to_string(a.recipe.batchSize) + a.runFlags;
  return "ftc compile " + rt::shellQuote(first.model) + " --task " + a.task + a.dataFlags +
         a.compileFlags + " --method " + method + " -o step.ftb && ftrt run step.ftb" +
         a.dataFlags + " --output_dir model" + recipe;
}

} // namespace ftc::assess
