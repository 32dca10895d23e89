// Whether there are rows enough: to train on, to evaluate with, for a target.
#include "assess/Judge.h"

#include <algorithm>
#include <cmath>

namespace ftc::assess {

namespace {

/// Below so many rows of a class (of all rows, where there are no classes) nothing measured
/// says what more data would.
constexpr std::int64_t kLeastRowsOfClass = 8, kLeastRows = 50;
/// A score without looking, of 100, beyond which there is nothing to tell apart.
constexpr double kNothingAbove = 99;
/// A fair number to come back with.
constexpr std::int64_t kWantedRowsOfClass = 30, kWantedRows = 300;

} // namespace

bool Judge::tooFewRows() {
  bool classes = a.data.leastOfAClass > 0 && !a.data.labels.empty();
  auto count = static_cast<std::int64_t>(a.data.labels.size());
  bool few = a.data.trainRows < kLeastRows ||
             (classes && a.data.trainRows < kLeastRowsOfClass * count);
  if (!few)
    return false;
  a.rowsNeeded = std::max(kWantedRows, classes ? kWantedRowsOfClass * count : 0);
  say(Verdict::NeedData,
      std::to_string(a.data.trainRows) + " training rows" +
          (classes ? " of " + std::to_string(count) + " labels" : std::string()) +
          " are too few to train on, and to measure with: every figure here could be chance.",
      "Label about " + std::to_string(a.rowsNeeded) + " rows, then assess again.");
  return true;
}

bool Judge::tooFewEvaluated() {
  if (a.evaluationRows >= kLeastEvaluation)
    return false;
  say(Verdict::Inconclusive,
      "Only " + std::to_string(a.evaluationRows) +
          (a.evaluationRows == 1 ? " row is" : " rows are") +
          " left to evaluate with: whatever is shown could be chance.",
      "Give a --validation_file of at least " + std::to_string(kLeastEvaluation) +
          " rows that are not in the training file.");
  return true;
}

bool Judge::nothingLearnt() {
  if (aboveFloor(first))
    return false;
  std::optional<Score> best = reached(first);
  if (floor.value > kNothingAbove) {
    say(Verdict::Inconclusive,
        "Answering without looking reaches " + of(points(floor.value)) + " on the " +
            std::to_string(a.evaluationRows) +
            " rows to evaluate with: they have one label, or nearly, and nothing can be seen "
            "to beat that.",
        "Give a --validation_file with rows of every label.");
    return true;
  }
  std::string seen = best ? points(best->value) : "nothing";
  if (best && best->value - floor.value > std::max(best->error, 1.0)) {
    double error = std::hypot(best->error, floor.error), above = best->value - floor.value;
    double share = 2 * error / above;
    auto rows =
        static_cast<std::int64_t>(share * share * static_cast<double>(a.evaluationRows)) + 1;
    say(Verdict::Inconclusive,
        "The best that was tried, " + of(seen) + ", stands " + points(above) +
            " points above answering without looking (" + points(floor.value) +
            "): less than this evaluation of " + std::to_string(a.evaluationRows) +
            " rows can tell.",
        "Evaluate with about " + std::to_string(rows) + " rows.");
    return true;
  }
  const std::vector<CurvePoint> &curve = first.probeCurve;
  std::string law = curve.size() > 1 && curve.back().value - curve.front().value <=
                                            std::max(curve.back().error, 1.0)
                        ? " and does not rise with more rows"
                        : "";
  say(Verdict::Inconclusive,
      "Nothing tried beats answering without looking (" + points(floor.value) +
          "): the best is " + seen + law +
          ". Labels that do not follow from the texts, or a text column that is not "
          "the one meant, look like this.",
      "Look at twenty rows by hand: would a person give these labels?");
  return true;
}

bool Judge::needsData() {
  if (!a.target)
    return false;
  const Prediction *best = first.tunedAtAll ? &*first.tunedAtAll : nullptr;
  const PowerLaw *law = &first.tunedLaw;
  if (first.probeAtAll && (!best || first.probeAtAll->value > best->value)) {
    best = &*first.probeAtAll;
    law = &first.probeLaw;
  }
  if (!best)
    return false;
  for (const std::optional<Prediction> &expected : {first.tunedAtAll, first.probeAtAll})
    if (expected && expected->high >= *a.target)
      return false; // it may be reached
  if (std::optional<Score> seen = reached(first); seen && seen->value >= *a.target)
    return false; // these rows were enough
  double rows = law->rowsFor(*a.target);
  bool known = std::isfinite(rows) && rows < 100.0 * static_cast<double>(a.data.trainRows);
  if (known)
    a.rowsNeeded =
        static_cast<std::int64_t>(std::max(rows, static_cast<double>(a.data.trainRows) * 1.1));
  say(Verdict::NeedData,
      "With all " + std::to_string(a.data.trainRows) + " rows " + of(interval(*best)) +
          " is expected, the target is " + points(*a.target) + ". " +
          (known ? "The curve reaches it at about " + std::to_string(a.rowsNeeded) + " rows."
                 : std::string("The curve flattens below it: more of the same rows would not "
                               "reach it.")),
      known ? "Label about " + std::to_string(a.rowsNeeded - a.data.trainRows) + " more rows."
            : "Look for other data, a larger model, or a lower target.");
  return true;
}

bool Judge::tooFewToTell() {
  if (!first.tunedAtAll || a.target)
    return false;
  double without = std::max(floor.value, withoutTraining());
  double gain = first.tunedAtAll->value - without;
  if (gain > a.detectable)
    return false;
  double share = a.detectable / std::max(1.0, gain);
  auto rows = static_cast<std::int64_t>(share * share * static_cast<double>(a.evaluationRows));
  say(Verdict::Inconclusive,
      "Fine-tuning is expected to reach " + of(interval(*first.tunedAtAll)) + ", " +
          points(gain) + " points beside what goes without it, and this evaluation of " +
          std::to_string(a.evaluationRows) + " rows cannot tell less than " +
          points(a.detectable) + ".",
      gain > 1 ? "Evaluate with about " + std::to_string(rows) + " rows."
               : "Nothing here speaks for fine-tuning; another model or other data might.");
  return true;
}

} // namespace ftc::assess
