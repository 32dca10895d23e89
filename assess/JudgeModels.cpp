// Whether the model is right as it is, or another one.
#include "assess/Judge.h"

#include <algorithm>
#include <cmath>

namespace ftc::assess {

namespace {

/// A tokenizer that knows less of the text does not fit it.
constexpr double kMostUnknown = 0.3;

} // namespace

bool Judge::satisfied() {
  if (!first.zeroShot || !beats(*first.zeroShot, floor))
    return false;
  if (a.evaluationRows < kLeastEvaluation || (!a.target && first.tooShort))
    return false; // what these rows or steps cannot tell would be anything
  double zero = first.zeroShot->value;
  if (a.target) {
    if (zero < *a.target)
      return false;
    say(Verdict::AlreadySatisfies,
        "The model as it is reaches " + of(points(zero)) + ", the target is " +
            points(*a.target) + ".",
        "Use it as it is: nothing is left to train for this target.");
    return true;
  }
  double best = std::max(first.tunedAtAll ? first.tunedAtAll->value : 0,
                         first.probeAtAll ? first.probeAtAll->value : 0);
  if (best - zero > std::min(a.detectable, kMostIgnored))
    return false;
  say(Verdict::AlreadySatisfies,
      "The model as it is reaches " + of(points(zero)) +
          "; trained on this data it is expected "
          "to reach " +
          points(best) + ", and this evaluation cannot tell less than " + points(a.detectable) +
          " points.",
      "Use it as it is, or give --target_metric if more is wanted.");
  return true;
}

std::string Judge::compared(const ModelFacts &other) const {
  if (!other.linearProbe)
    return "A short run of " + other.model + " reaches " + of(points(reached(other)->value)) +
           ", one of this model " + points(reached(first)->value);
  std::string said = other.model + "'s frozen features reach " +
                     of(points(frozen(other)->value)) + ", this model's " +
                     points(frozen(first)->value);
  if (reached(first)->value > frozen(first)->value)
    said += " and its short runs " + points(reached(first)->value);
  return said;
}

bool Judge::wrongModel() {
  const ModelFacts *better = nullptr;
  for (const ModelFacts &model : a.models)
    if (&model != &first && aboveFloor(model) &&
        (!better || reached(model)->value > reached(*better)->value))
      better = &model;
  bool unknown = first.unknownShare > kMostUnknown;
  bool fails = !aboveFloor(first);
  if (better && (fails || unknown)) {
    a.betterModel = better->model;
    say(Verdict::WrongModel,
        (unknown
             ? points(100 * first.unknownShare) + " % of the text's tokens are unknown to it"
             : "It does no better than a guess (" + points(reached(first)->value) + ")") +
            std::string(", where ") + better->model + " reaches " +
            of(points(reached(*better)->value)) + ".",
        "Assess " + better->model + " alone.");
    return true;
  }
  if (better && reached(first) &&
      reached(*better)->value - reached(first)->value > std::max(a.detectable, 3.0)) {
    a.betterModel = better->model;
    say(Verdict::WrongModel,
        compared(*better) + ": more than this evaluation's noise (" + points(a.detectable) +
            " points).",
        "Assess " + better->model + " alone.");
    return true;
  }
  if (unknown) {
    say(Verdict::WrongModel,
        points(100 * first.unknownShare) + " % of the text's tokens are unknown to this "
                                           "model's tokenizer: it cannot read the "
                                           "language or the script.",
        "Take a model made for this language: ftc catalog list --language …");
    return true;
  }
  return false;
}

} // namespace ftc::assess
