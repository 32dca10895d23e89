// The rules, in the order in which they are asked. docs/assess.md has the same list.
#include "assess/Assess.h"
#include "runtime/report/Report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace ftc::assess {

namespace {

/// Below so many rows of a class (of all rows, where there are no classes) nothing measured
/// says what more data would.
constexpr std::int64_t kLeastRowsOfClass = 8, kLeastRows = 50;
/// A fair number to come back with.
constexpr std::int64_t kWantedRowsOfClass = 30, kWantedRows = 300;
/// A tokenizer that knows less of the text does not fit it.
constexpr double kMostUnknown = 0.3;
/// What training may add without being worth it, points, whatever an evaluation can tell.
constexpr double kMostIgnored = 5;
/// What ftrt run fits a new head with (docs/assess.md has what it reaches beside the probe).
constexpr double kHeadRate = 0.05, kHeadEpochs = 40;
/// Rows that an evaluation needs to tell anything.
constexpr std::int64_t kLeastEvaluation = 30;

std::string points(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string interval(const Prediction &p) {
  return points(p.value) + " (" + points(p.low) + " to " + points(p.high) + ")";
}

/// Whether `score` stands above the best baseline by more than chance would have it.
bool beats(const Score &score, const Score &baseline) {
  double error = std::hypot(score.error, baseline.error);
  return score.value - baseline.value > std::max(2.0 * error, 1.0);
}

struct Judge {
  Assessment &a;
  ModelFacts &first;
  Score floor; ///< the best baseline that needs no model

  explicit Judge(Assessment &assessment) : a(assessment), first(assessment.models.front()) {
    floor.value = 0;
    for (const NamedScore &baseline : a.baselines)
      if (baseline.score.value > floor.value)
        floor = baseline.score;
  }

  void say(Verdict verdict, std::string reason, std::string next) {
    a.verdict = verdict;
    a.reason = std::move(reason);
    a.next = std::move(next);
  }

  /// The best that was seen of the model's frozen features.
  std::optional<Score> frozen(const ModelFacts &model) const {
    std::optional<Score> best;
    for (const std::optional<Score> &score : {model.linearProbe, model.neighbours})
      if (score && (!best || score->value > best->value))
        best = score;
    return best;
  }
  /// The best that the model was seen to reach with training.
  std::optional<Score> reached(const ModelFacts &model) const {
    std::optional<Score> best = frozen(model);
    if (!model.tunedCurve.empty()) {
      const CurvePoint &last = model.tunedCurve.back();
      if (!best || last.value > best->value)
        best = Score{last.value, last.error, 0};
    }
    return best;
  }
  bool aboveFloor(const ModelFacts &model) const {
    std::optional<Score> score = reached(model);
    return score && beats(*score, floor);
  }
  std::string of(const std::string &what) const { return a.metric.name + " " + what; }
  /// The two commands of a run that the verdict speaks of. A head is a linear one that starts
  /// at random: it takes a higher rate than a model, and epochs that cost little once its
  /// trunk's results are kept.
  std::string trainCommand(const std::string &method) const {
    bool head = method == "head";
    char recipe[120];
    std::snprintf(
        recipe, sizeof recipe,
        " --learning_rate %g --num_train_epochs %g --per_device_train_batch_size %lld",
        head ? kHeadRate : a.recipe.learningRate, head ? kHeadEpochs : a.recipe.epochs,
        static_cast<long long>(a.recipe.batchSize));
    return "ftc compile " + rt::shellQuote(first.model) + " --task " + a.task + a.dataFlags +
           a.compileFlags + " --method " + method + " -o step.ftb && ftrt run step.ftb" +
           a.dataFlags + " --output_dir model" + recipe;
  }

  bool satisfied() {
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
            points(best) + ", and this evaluation cannot tell less than " +
            points(a.detectable) + " points.",
        "Use it as it is, or give --target_metric if more is wanted.");
    return true;
  }

  bool tooFewRows() {
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

  /// What another model showed beside the first: features with features, where a task has a
  /// head, and short runs with short runs.
  std::string compared(const ModelFacts &other) const {
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

  bool wrongModel() {
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

  bool nothingLearnt() {
    if (aboveFloor(first))
      return false;
    std::optional<Score> best = reached(first);
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

  bool needsData() {
    if (!a.target)
      return false;
    const Prediction *best = first.tunedAtAll ? &*first.tunedAtAll : nullptr;
    const PowerLaw *law = &first.tunedLaw;
    if (first.probeAtAll && (!best || first.probeAtAll->value > best->value)) {
      best = &*first.probeAtAll;
      law = &first.probeLaw;
    }
    if (!best || best->high >= *a.target)
      return false;
    if (std::optional<Score> seen = reached(first); seen && seen->value >= *a.target)
      return false; // these rows were enough
    double rows = law->rowsFor(*a.target);
    bool known = std::isfinite(rows) && rows < 100.0 * static_cast<double>(a.data.trainRows);
    if (known)
      a.rowsNeeded = static_cast<std::int64_t>(
          std::max(rows, static_cast<double>(a.data.trainRows) * 1.1));
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

  bool probeSuffices() {
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
    if (most - probe.value > std::min(std::max(a.detectable, 1.0), kMostIgnored))
      return false;
    std::string compared = probe.value - tuned.value > std::max(a.detectable, 1.0)
                               ? ": with this recipe fine-tuning does worse; a lower "
                                 "--learning_rate may do better."
                               : ": no difference that this evaluation could tell (" +
                                     points(a.detectable) + " points).";
    say(Verdict::ProbeSuffices,
        "A linear head on the frozen model is expected to reach " + of(interval(probe)) +
            ", fine-tuning " + interval(tuned) + compared,
        trainCommand("head"));
    return true;
  }

  /// Short runs in which a model may have yet to begin.
  bool tooShortToTell() {
    if (!first.tooShort || !first.tunedAtAll)
      return false;
    double least =
        std::max(first.tunedAtAll->low, first.probeAtAll ? first.probeAtAll->low : 0);
    if (a.target ? first.tunedAtAll->value >= *a.target
                 : first.tunedAtAll->value - std::max(floor.value, withoutTraining()) >
                       std::max(a.detectable, kMostIgnored))
      return false; // they tell enough
    char time[64];
    std::snprintf(time, sizeof time, "%.0f s", a.fullRunSeconds);
    say(Verdict::Inconclusive,
        "Short runs of " + std::to_string(first.shortSteps) +
            " steps are too short to tell what fine-tuning reaches: " + of(points(least)) +
            " or more is expected. Models that take long to begin look like this, and such "
            "that "
            "learn nothing.",
        "The whole run takes about " + std::string(time) + " here: " + trainCommand(a.method));
    return true;
  }

  /// The best that goes without fine-tuning.
  double withoutTraining() const {
    return std::max(first.zeroShot ? first.zeroShot->value : 0,
                    first.probeAtAll ? first.probeAtAll->value : 0);
  }

  /// A gain that is expected, and that nobody could see.
  bool tooFewToTell() {
    if (!first.tunedAtAll || a.target)
      return false;
    double without = std::max(floor.value, withoutTraining());
    double gain = first.tunedAtAll->value - without;
    if (gain > a.detectable)
      return false;
    double share = a.detectable / std::max(1.0, gain);
    auto rows =
        static_cast<std::int64_t>(share * share * static_cast<double>(a.evaluationRows));
    say(Verdict::Inconclusive,
        "Fine-tuning is expected to reach " + of(interval(*first.tunedAtAll)) + ", " +
            points(gain) + " points beside what goes without it, and this evaluation of " +
            std::to_string(a.evaluationRows) + " rows cannot tell less than " +
            points(a.detectable) + ".",
        gain > 1 ? "Evaluate with about " + std::to_string(rows) + " rows."
                 : "Nothing here speaks for fine-tuning; another model or other data might.");
    return true;
  }

  bool fineTune() {
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
                    static_cast<double>(cost->peakBytes) / (1 << 20),
                    cost->seconds.value_or(0));
      costs = text;
    }
    say(Verdict::FineTune,
        "Fine-tuning (" + a.method + ") on all " + std::to_string(a.data.trainRows) +
            " rows is expected to reach " + of(interval(tuned)) + probe + "." + costs,
        trainCommand(a.method));
    return true;
  }
};

} // namespace

std::string_view verdictName(Verdict verdict) {
  static constexpr std::string_view names[] = {"ALREADY SATISFIES", "PROBE SUFFICES",
                                               "FINE-TUNE",         "NEED DATA",
                                               "WRONG MODEL",       "INCONCLUSIVE"};
  return names[static_cast<int>(verdict)];
}

int verdictExitCode(Verdict verdict) { return 10 + static_cast<int>(verdict); }

double detectableDifference(double error) { return (1.96 + 0.84) * std::sqrt(2.0) * error; }

void decide(Assessment &assessment) {
  Judge judge(assessment);
  if (judge.satisfied() || judge.tooFewRows() || judge.wrongModel())
    return;
  if (assessment.evaluationRows < kLeastEvaluation) {
    judge.say(Verdict::Inconclusive,
              "Only " + std::to_string(assessment.evaluationRows) +
                  " rows are left to evaluate with: whatever they show could be chance.",
              "Give a --validation_file of at least " + std::to_string(kLeastEvaluation) +
                  " rows that are not in the training file.");
    return;
  }
  if (judge.nothingLearnt() || judge.needsData() || judge.probeSuffices() ||
      judge.tooShortToTell() || judge.tooFewToTell() || judge.fineTune())
    return;
  judge.say(Verdict::Inconclusive,
            "No training run was measured, so nothing says what fine-tuning would give.",
            "Give more time: --time_budget.");
}

} // namespace ftc::assess
