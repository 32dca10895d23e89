// Short runs, and what they say of the whole one.
#include "assess/Assessor.h"

#include <cmath>

namespace ftc::assess {

namespace {

/// By how much the gain of tuning over the probe grows each time that as many examples again
/// are seen, where there is one: what wnut17 showed with MiniLM (docs/assess.md).
constexpr double kGainGrowth = 0.1;

/// Errors of two models on the same examples go together; of a difference so much is left.
constexpr double kPairedError = 0.77;

/// Work that is always done, as rows of 16 tokens in a model of 22 million parameters: seconds.
constexpr double kLeastPasses = 6000, kLeastTokens = 16, kLeastParameters = 22e6;

double since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

} // namespace

rt::Status Assessor::calibrate(Opened &first) {
  if (!tuned) {
    FTC_ASSIGN_OR_RETURN(
        tuned, compileMethod(first.compile, options.method, scratch->file("tuned.ftb")));
  }
  bool heavy = task->windowed() || task->hasTargetText();
  auto rows = static_cast<std::int64_t>(trainOrder.size());
  std::int64_t most = heavy ? std::min<std::int64_t>(rows, 1200) : rows;
  FTC_ASSIGN_OR_RETURN(first.train,
                       encodeRows(*first.session, *trainSet, options.questions,
                                  {trainOrder.begin(), trainOrder.begin() + most}));
  std::int64_t tokens = 0;
  for (const rt::Example &example : first.train.all())
    tokens += example.tokens() + example.targetTokens();
  tokensPerRow =
      static_cast<double>(tokens) / static_cast<double>(std::max<std::int64_t>(1, most));
  FTC_ASSIGN_OR_RETURN(
      std::unique_ptr<rt::Session> session,
      openSession(*tuned, options.recipe, {"train_accumulate", "apply", "train_step"}));
  tunedCapacity = session->capacity;
  tunedPlacement = session->layout.placement;
  FTC_ASSIGN_OR_RETURN(Trained timed,
                       trainRows(*session, first.train.all(), options.recipe, 5, stopped));
  double seconds = timed.stepsWithoutFirst ? timed.secondsWithoutFirst : timed.seconds;
  std::int64_t seen = timed.stepsWithoutFirst ? timed.tokensWithoutFirst : timed.tokens;
  trainPerToken = seconds / static_cast<double>(std::max<std::int64_t>(1, seen));
  result.fullRunSeconds = options.recipe.epochs * tokensPerRow *
                          static_cast<double>(result.data.trainRows) * trainPerToken;
  // Deterministic: what is done follows from the data's size and the model's alone, unless a
  // time is given, which is then compared with this machine's speed.
  double run = kStepPasses * options.recipe.epochs * static_cast<double>(result.data.trainRows);
  double least = kLeastPasses * kLeastTokens / std::max(1.0, tokensPerRow) * kLeastParameters /
                 std::max(1.0, static_cast<double>(tuned->parameters));
  passes = std::max(run, least / (kFeatureShare + kEvaluationShare + kRunShare));
  if (options.timeBudget) {
    double spare = std::max(0.2, *options.timeBudget - since(start));
    double rate =
        kStepPasses / std::max(1e-12, tokensPerRow * trainPerToken); // passes a second
    double wanted = 0.8 * spare * rate / (kFeatureShare + kEvaluationShare + kRunShare);
    if (wanted < passes)
      result.leftOut.push_back(
          rt::format("rows beyond %.0f %% of those that an unlimited assessment "
                     "looks at (--time_budget)",
                     100 * wanted / passes));
    passes = std::min(passes, wanted);
  }
  say(rt::format("a full run takes about %.0f s here", result.fullRunSeconds));
  return rt::Status::ok();
}

rt::Result<Trained> Assessor::oneRun(Opened &first, std::int64_t rows, const LinearProbe *probe,
                                     const rt::Session *fitted, Evaluated &evaluated) {
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::Session> session,
                       openSession(*tuned, options.recipe,
                                   {"train_accumulate", "apply", "train_step", "evaluate",
                                    "trunk", "evaluate_head"},
                                   {"prefill", "decode"}));
  if (probe) {
    FTC_ASSIGN_OR_RETURN(bool set, setHead(*session, *first.session, *probe));
    startedFromProbe = set;
  } else if (fitted) {
    FTC_RETURN_IF_ERROR(copyHead(*session, *fitted));
    startedFromProbe = true;
  }
  Recipe once = options.recipe;
  once.epochs = 1;
  FTC_ASSIGN_OR_RETURN(Trained trained,
                       trainRows(*session, first.train.first(rows), once, 0, stopped));
  FTC_ASSIGN_OR_RETURN(
      evaluated,
      evaluateRows(*session, *evaluationSet, first.evaluation.first(shortRows),
                   std::span<const std::int64_t>(first.evaluation.rows).first(shortRows),
                   result.metric, options.questions, options.generation, stopped));
  return trained;
}

rt::Status Assessor::shortRuns(Opened &first, ModelFacts &facts) {
  bool writes = task->hasTargetText();
  auto evaluable = static_cast<std::int64_t>(first.evaluation.rows.size());
  shortRows = writes ? kWrittenRows : static_cast<std::int64_t>(kShortEvaluationShare * passes);
  shortRows = std::min(evaluable, std::max<std::int64_t>(shortRows, writes ? 1 : 100));
  // One pass over new rows tells more than several over a part of them.
  auto rows = static_cast<std::int64_t>(first.train.rows.size());
  auto count = static_cast<std::int64_t>(kRunShare * passes / kStepPasses);
  count = std::clamp<std::int64_t>(count, std::min(rows, 2 * options.recipe.batchSize), rows);
  bool probe = probes() && first.probe.weights.columns > 0;
  std::unique_ptr<rt::Session> fitted;
  if (hasHead() && !(probe && isLinearHead(*first.session, first.probe))) {
    // Its own steps fit a head that no probe has the form of.
    probe = false;
    std::int64_t fit = std::max(count, first.featureRows);
    FTC_ASSIGN_OR_RETURN(fitted, fitHead(*first.head, first.train.first(std::min(rows, fit)),
                                         options.recipe, scratch->path(), stopped));
    FTC_ASSIGN_OR_RETURN(
        Evaluated evaluated,
        evaluateRows(*fitted, *evaluationSet, first.evaluation.first(shortRows),
                     std::span<const std::int64_t>(first.evaluation.rows).first(shortRows),
                     result.metric, options.questions, options.generation, stopped));
    probeAtRuns = evaluated.score;
    if (probes()) { // the better of both heads is what tuning has to beat
      FTC_ASSIGN_OR_RETURN(Score linear,
                           scoreLogits(first, first.probe.logits(first.evaluationFeatures.rows),
                                       first.evaluation.ends[shortRows]));
      if (linear.value > probeAtRuns.value)
        probeAtRuns = linear;
    }
  } else if (probe) {
    FTC_ASSIGN_OR_RETURN(probeAtRuns,
                         scoreLogits(first, first.probe.logits(first.evaluationFeatures.rows),
                                     first.evaluation.ends[shortRows]));
  }
  Evaluated evaluated;
  FTC_ASSIGN_OR_RETURN(Trained trained, oneRun(first, count, probe ? &first.probe : nullptr,
                                               fitted.get(), evaluated));
  facts.tunedFromProbe = startedFromProbe;
  if (!trained.finite)
    result.notes.push_back(
        "losses of the short run were not finite: take a lower --learning_rate");
  if (!hasHead() && facts.zeroShot) // what the model writes as it is stands for the probe
    probeAtRuns = *facts.zeroShot;
  facts.tunedCurve.push_back({static_cast<double>(count), evaluated.score.value,
                              std::max(0.3, evaluated.score.error)});
  if (facts.tunedFromProbe || (!hasHead() && facts.zeroShot))
    facts.gain = {evaluated.score.value - probeAtRuns.value,
                  kPairedError * std::hypot(evaluated.score.error, probeAtRuns.error) /
                      std::sqrt(2.0),
                  shortRows};
  if (trained.stepsWithoutFirst > 3)
    trainPerToken = trained.secondsWithoutFirst /
                    static_cast<double>(std::max<std::int64_t>(1, trained.tokensWithoutFirst));
  say(rt::format("short run on %.0f rows: %.2f points (probe %.2f)", static_cast<double>(count),
                 evaluated.score.value, probeAtRuns.value));
  result.fullRunSeconds = options.recipe.epochs * tokensPerRow *
                          static_cast<double>(result.data.trainRows) * trainPerToken;
  return rt::Status::ok();
}

void Assessor::predict(ModelFacts &facts) {
  auto rows = static_cast<double>(result.data.trainRows);
  auto seed = static_cast<std::uint32_t>(options.recipe.seed);
  double noise = facts.linearProbe ? facts.linearProbe->error : 0;
  if (!facts.probeCurve.empty()) {
    facts.probeLaw = fitPowerLaw(facts.probeCurve);
    facts.probeAtAll = extrapolate(facts.probeCurve, rows, noise, seed);
  }
  if (facts.tunedCurve.empty())
    return;
  const CurvePoint &run = facts.tunedCurve.back();
  std::optional<Prediction> base = facts.probeAtAll;
  if (!base && facts.gain) { // the model as it is, or the head as it was fitted: no curve
    base = around(probeAtRuns.value, probeAtRuns.error);
    facts.probeLaw = {probeAtRuns.value, 0, 1};
  }
  if (!facts.gain || !base) {
    // Nothing to add a gain to: what the short run reached, of which only more can be said.
    facts.tunedLaw = {run.value, 0, 1};
    facts.tunedAtAll = around(run.value, run.error);
    facts.tunedAtAll->high = 100;
    return;
  }
  double doublings = std::max(0.0, std::log2(options.recipe.epochs * rows / run.rows));
  double growth = facts.gain->value > 0 ? 1 + kGainGrowth * doublings : 1;
  double gain = facts.gain->value;
  if (gain > 0) { // a share of what is missing, which is less with all rows
    double missing = std::max(0.5, 100 - probeAtRuns.value);
    double share = std::min(0.9, growth * gain / missing);
    gain = share * (100 - base->value);
    growth *= (100 - base->value) / missing;
  }
  facts.tunedLaw = facts.probeLaw;
  facts.tunedLaw.top = std::min(100.0, facts.tunedLaw.top + gain);
  double spread = (base->high - base->low) / 3.29;
  facts.tunedAtAll = around(std::clamp(base->value + gain, 0.0, 100.0),
                            std::hypot(spread, growth * facts.gain->error));
}

} // namespace ftc::assess
