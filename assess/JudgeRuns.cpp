// Whether fine-tuning adds to a head on the frozen model, and what it takes.
#include "assess/Judge.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace ftc::assess {

bool Judge::probeSuffices() {
  if (!first.probeAtAll || !first.linearProbe || !beats(*first.linearProbe, floor))
    return false;
  const Prediction &probe = *first.probeAtAll;
  if (a.target && probe.value >= *a.target) {
    say(Verdict::ProbeSuffices,
        "A linear head on the frozen model is expected to reach " + of(interval(probe)) +
            ", the target is " + points(*a.target) + ".",
        trainCommand("head"));
    return true;
  }
  if (a.target || !first.tunedAtAll)
    return false;
  const Prediction &tuned = *first.tunedAtAll;
  double most = first.tooShort ? 100 : tuned.value; // that tuning may reach
  double ignored = std::max(a.detectable, 1.0);
  if (most - probe.value > std::min(ignored, kMostIgnored) ||
      tuned.high - probe.value > kMostIgnored)
    return false; // what tuning adds is too much, or may well be
  std::string compared =
      first.tooShort ? ", of which its few steps tell nothing: there are " +
                           points(100 - probe.value) + " points left to gain."
      : probe.value - tuned.value > ignored
          ? ": with this recipe fine-tuning does worse; a lower --learning_rate may do better."
          : ": no difference that this evaluation could tell, or of less than a point (" +
                points(ignored) + " points).";
  say(Verdict::ProbeSuffices,
      "A linear head on the frozen model is expected to reach " + of(interval(probe)) +
          ", fine-tuning " + interval(tuned) + compared,
      trainCommand("head"));
  return true;
}

bool Judge::tooShortToTell() {
  if (!first.tooShort || !first.tunedAtAll)
    return false;
  double least = std::max(first.tunedAtAll->low, first.probeAtAll ? first.probeAtAll->low : 0);
  if (a.target ? first.tunedAtAll->value >= *a.target
               : first.tunedAtAll->value - std::max(floor.value, withoutTraining()) >
                     std::max(a.detectable, kMostIgnored))
    return false; // they tell enough
  char time[64];
  std::snprintf(time, sizeof time, "%.0f s", a.fullRunSeconds);
  say(Verdict::Inconclusive,
      std::to_string(first.shortSteps) +
          " steps are too few to tell what fine-tuning reaches: " + of(points(least)) +
          " or more is expected" +
          (first.probeAtAll ? " of it or of a head on the frozen model" : "") +
          ". Models that take long to begin look like this, and such that learn nothing.",
      "The whole run takes about " + std::string(time) + " here: " + trainCommand(a.method));
  return true;
}

bool Judge::fineTune() {
  if (!first.tunedAtAll)
    return false;
  const Prediction &tuned = *first.tunedAtAll;
  std::string probe =
      first.probeAtAll ? ", a head on the frozen model " + interval(*first.probeAtAll) : "";
  double without = first.probeAtAll ? first.probeAtAll->value : floor.value;
  if (a.target && tuned.value < *a.target &&
      tuned.value - without <= std::max(a.detectable, 1.0)) {
    say(Verdict::Inconclusive,
        "Fine-tuning (" + a.method + ") is expected to reach " + of(interval(tuned)) + probe +
            ": the target of " + points(*a.target) +
            " lies within what may be, and tuning adds nothing that this evaluation could "
            "tell (" +
            points(a.detectable) + " points).",
        "Evaluate with more rows, or take a head on the frozen model and see.");
    return true;
  }
  const MethodCost *cost = nullptr;
  for (const MethodCost &one : first.costs)
    if (one.method == a.method)
      cost = &one;
  std::string costs;
  if (cost) {
    char text[96];
    std::snprintf(text, sizeof text, " It takes %.0f MiB and about %.0f s of training here.",
                  static_cast<double>(cost->processBytes) / (1 << 20),
                  cost->seconds.value_or(0));
    costs = text;
  }
  say(Verdict::FineTune,
      "Fine-tuning (" + a.method + ") on all " + std::to_string(a.data.trainRows) +
          " rows is expected to reach " + of(interval(tuned)) + probe + "." + costs,
      trainCommand(a.method));
  return true;
}

} // namespace ftc::assess
