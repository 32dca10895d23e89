// Short runs, and what they say of the whole one.
#include "assess/Assessor.h"
#include "assess/Noise.h"
#include "assess/TunedPrediction.h"

#include <cmath>

namespace ftc::assess {

namespace {

/// Short runs of a task with a head.
constexpr std::int64_t kSeeds = 2;

/// Steps that a short run needs to stand for one that takes more than kStepsBeyond times as
/// many: after 10 of them MiniLM had half the gain on wnut17 that it had after 15.
constexpr std::int64_t kTellingSteps = 12, kStepsBeyond = 4;

/// What a run that has yet to begin goes on with is left of this share of the whole run's work.
/// At the full rate: a schedule that ends keeps a model where it is.
constexpr double kLateShares = 0.135;

/// Of a time budget, what is spent on what `passes` count.
constexpr double kUsedShare = 0.8;

/// Work that is always done, as rows of 16 tokens in a model of 22 million parameters: seconds.
constexpr double kLeastPasses = 6000, kLeastTokens = 16, kLeastParameters = 22e6;

double since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

} // namespace

rt::Status Assessor::calibrate(Opened &first) {
  if (!first.tuned) {
    FTC_ASSIGN_OR_RETURN(
        first.tuned, compileMethod(first.compile, options.method, scratch->file("tuned0.ftb")));
  }
  bool heavy = task->windowed() || task->hasTargetText();
  auto rows = static_cast<std::int64_t>(trainOrder.size());
  std::int64_t most = heavy ? std::min<std::int64_t>(rows, 3000) : rows;
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
      openSession(*first.tuned, options.recipe, {"train_accumulate", "apply", "train_step"}));
  tunedCapacity = session->capacity;
  tunedPlacement = session->layout.placement;
  // Deterministic: what is done follows from the data's size and the model's alone, unless a
  // time is given, which is then compared with this machine's speed.
  double run = kStepPasses * options.recipe.epochs * static_cast<double>(result.data.trainRows);
  double least = kLeastPasses * kLeastTokens / std::max(1.0, tokensPerRow) * kLeastParameters /
                 std::max(1.0, static_cast<double>(first.tuned->parameters));
  passes = std::max(run, least / kShares);
  if (!options.timeBudget)
    return rt::Status::ok();
  FTC_ASSIGN_OR_RETURN(Trained timed, trainRows(*session, first.train.all(), options.recipe,
                                                stopped, {.mostSteps = 5}));
  first.trainPerToken = timed.perToken();
  say(rt::format("a full run takes about %.0f s here",
                 options.recipe.epochs * tokensPerRow *
                     static_cast<double>(result.data.trainRows) * first.trainPerToken));
  fitBudget(kStepPasses / std::max(1e-12, tokensPerRow * first.trainPerToken));
  return rt::Status::ok();
}

/// Takes `passes` down to what --time_budget has left at `rate` passes a second, and says so;
/// where that is less than what is always done, says how long that takes before doing it.
void Assessor::fitBudget(double rate) {
  double spent = since(start), spare = std::max(0.0, *options.timeBudget - spent);
  double wanted = kUsedShare * spare * rate / kShares;
  // Of small data all there is will do.
  auto atMost = [](double wanted, std::int64_t there) {
    return std::min(wanted, static_cast<double>(there));
  };
  auto rows = static_cast<std::int64_t>(trainOrder.size());
  double models = static_cast<double>(options.models.size());
  double features =
      hasHead() ? atMost(kLeastRows, rows) + atMost(kLeastRows, evaluationSize()) : 0;
  double runs = hasHead() ? kSeeds : 1;
  double leastRun = kStepPasses * atMost(2.0 * options.recipe.batchSize, rows) +
                    atMost(hasHead() ? kLeastShortRows : kWrittenRows, evaluationSize());
  double needed =
      spent * models +
      (features * models + runs * leastRun * (hasHead() ? 1 : models)) / (kUsedShare * rate);
  if (needed > *options.timeBudget) {
    std::string line = rt::format(
        "--time_budget: about %.0f s are needed at least (%.0f s of them went to compiling and "
        "reading one model%s), got %g: the least is done",
        std::ceil(needed), std::ceil(spent), hasHead() ? "" : ", more go to writing texts",
        *options.timeBudget);
    say(line);
    result.leftOut.push_back(line);
  }
  else if (wanted < passes)
    result.leftOut.push_back(rt::format("rows beyond %.0f %% of those that an unlimited "
                                        "assessment looks at (--time_budget)",
                                        100 * wanted / passes));
  passes = std::min(passes, wanted);
}

rt::Result<std::unique_ptr<rt::Session>> Assessor::openRun(Opened &opened, const Recipe &recipe,
                                                           const rt::Session *fitted) {
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::Session> session,
                       openSession(*opened.tuned, recipe,
                                   {"train_accumulate", "apply", "train_step", "evaluate",
                                    "trunk", "evaluate_head"},
                                   {"prefill", "decode"}));
  if (fitted) {
    FTC_RETURN_IF_ERROR(copyHead(*session, *fitted));
    opened.startedFromProbe = true;
  } else if (hasHead()) {
    FTC_ASSIGN_OR_RETURN(opened.startedFromProbe,
                         setHead(*session, *opened.session, opened.probe));
  }
  return std::move(session);
}

rt::Result<Evaluated> Assessor::evaluateRun(const Opened &opened, rt::Session &session) const {
  return evaluateRows(
      session, *evaluationSet, opened.evaluation.first(opened.shortRows),
      std::span<const std::int64_t>(opened.evaluation.rows).first(opened.shortRows),
      result.metric, options.questions, options.generation, stopped);
}

std::int64_t Assessor::rowsToGoOn(const Opened &opened, const Score &reached,
                                  std::int64_t count) const {
  if (!opened.startedFromProbe || hasBegun(opened.probeAtRuns.value, reached.value))
    return 0;
  double features = static_cast<double>(opened.featureRows) +
                    static_cast<double>(opened.evaluation.rows.size());
  double spent = kForwardPasses * (features + 3 * static_cast<double>(opened.shortRows)) +
                 kStepPasses * static_cast<double>(count);
  auto rows = static_cast<std::int64_t>((kLateShares * passes - spent) / kStepPasses);
  rows = std::min(rows, static_cast<std::int64_t>(opened.train.rows.size()) - count);
  bool whole = options.recipe.epochs * static_cast<double>(result.data.trainRows) <=
               static_cast<double>(kStepsBeyond * count);
  return whole || rows < 2 * count ? 0 : rows;
}

rt::Status Assessor::goOn(Opened &opened, ModelFacts &facts, rt::Session &session,
                          const Recipe &recipe, std::int64_t rows, Trained &trained,
                          Score &reached) {
  auto begin = static_cast<std::int64_t>(facts.tunedCurve.back().rows);
  double missing = std::max(0.5, 100 - opened.probeAtRuns.value);
  double share[2], seen[2];
  for (int half = 0; half < 2; ++half) {
    std::int64_t from = begin + half * (rows / 2), to = half ? begin + rows : from + rows / 2;
    FTC_ASSIGN_OR_RETURN(
        Trained part,
        trainRows(session, opened.train.between(from, to), recipe, stopped,
                  {.schedule = "constant", .steps = trained.steps, .updates = trained.updates}));
    trained.add(part);
    FTC_ASSIGN_OR_RETURN(Evaluated evaluated, evaluateRun(opened, session));
    reached = evaluated.score;
    seen[half] = static_cast<double>(to);
    share[half] = (reached.value - opened.probeAtRuns.value) / missing;
    facts.tunedCurve.push_back({seen[half], reached.value, std::max(0.3, reached.error)});
    say(rt::format("it goes on at the full rate, on %.0f rows: %.2f points", seen[half],
                   reached.value));
  }
  opened.rise = std::max(0.0, (share[1] - share[0]) / std::log2(seen[1] / seen[0]));
  facts.tooShort = !hasBegun(opened.probeAtRuns.value, reached.value);
  return rt::Status::ok();
}

/// What short runs begin with, and its score on the rows that they are judged by: the probe; a
/// head of several layers as its own steps fit it, in `fitted`; the model as it is.
rt::Status Assessor::headOfRuns(Opened &opened, std::int64_t rows,
                                std::unique_ptr<rt::Session> &fitted) {
  if (!hasHead())
    return rt::Status::ok();
  FTC_ASSIGN_OR_RETURN(opened.probeAtRuns,
                       scoreLogits(opened, opened.probe.logits(opened.evaluationFeatures.rows),
                                   opened.evaluation.ends[opened.shortRows]));
  if (isLinearHead(*opened.session, opened.probe))
    return rt::Status::ok();
  FTC_ASSIGN_OR_RETURN(
      fitted, fitHead(*opened.head, opened.train.between(0, std::max(rows, opened.featureRows)),
                      options.recipe, scratch->path(), stopped));
  FTC_ASSIGN_OR_RETURN(Evaluated evaluated, evaluateRun(opened, *fitted));
  // The better of both heads is what tuning has to beat.
  if (evaluated.score.value >= opened.probeAtRuns.value)
    opened.probeAtRuns = evaluated.score;
  return rt::Status::ok();
}

rt::Status Assessor::shortRuns(Opened &opened, ModelFacts &facts) {
  bool writes = task->hasTargetText();
  auto evaluable = static_cast<std::int64_t>(opened.evaluation.rows.size());
  opened.shortRows =
      writes ? kWrittenRows : static_cast<std::int64_t>(kShortEvaluationShare * passes);
  opened.shortRows = std::min(
      evaluable, std::max<std::int64_t>(opened.shortRows, writes ? 1 : kLeastShortRows));
  // One pass over new rows tells more than several over a part of them. Several runs of
  // different rows and seeds where a task has a head: what they differ by is noise. Writing
  // texts costs more than training here, so there is one.
  std::int64_t runs = writes ? 1 : kSeeds;
  auto rows = static_cast<std::int64_t>(opened.train.rows.size());
  auto count = static_cast<std::int64_t>(kRunShare * passes / kStepPasses) / runs;
  count = std::clamp<std::int64_t>(count, std::min(rows, 2 * options.recipe.batchSize), rows);
  std::unique_ptr<rt::Session> fitted;
  FTC_RETURN_IF_ERROR(headOfRuns(opened, std::min(rows, runs * count), fitted));
  if (writes && facts.zeroShot)
    opened.probeAtRuns = *facts.zeroShot;
  std::vector<Score> scores;
  Trained timed;
  for (std::int64_t run = 0; run < runs; ++run) {
    std::int64_t begin = std::min(run * count, rows - count);
    Recipe once = options.recipe;
    once.epochs = 1;
    once.seed = (once.seed + run) & 0xffffffff;
    FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::Session> session,
                         openRun(opened, once, fitted.get()));
    FTC_ASSIGN_OR_RETURN(
        Trained trained,
        trainRows(*session, opened.train.between(begin, begin + count), once, stopped));
    FTC_ASSIGN_OR_RETURN(Evaluated evaluated, evaluateRun(opened, *session));
    say(rt::format("short run on %.0f rows: %.2f points (before it %.2f)",
                   static_cast<double>(count), evaluated.score.value,
                   opened.probeAtRuns.value));
    if (std::int64_t more = run || writes ? 0 : rowsToGoOn(opened, evaluated.score, count)) {
      facts.tunedCurve.push_back({static_cast<double>(count), evaluated.score.value,
                                  std::max(0.3, evaluated.score.error)});
      FTC_RETURN_IF_ERROR(goOn(opened, facts, *session, once, more, trained, evaluated.score));
      runs = 1;
    }
    scores.push_back(evaluated.score);
    timed.add(trained);
    facts.shortSteps = trained.steps;
    if (!trained.finite)
      result.notes.push_back(
          "losses of a short run were not finite: take a lower --learning_rate");
  }
  opened.trainPerToken = timed.perToken();
  Score reached = meanScore(scores);
  opened.reachedAtRuns = reached;
  opened.reachedAtRuns.error = std::max(0.3, reached.error);
  facts.tunedFromProbe = opened.startedFromProbe;
  if (facts.tunedCurve.empty()) { // none went on
    facts.tunedCurve.push_back(
        {static_cast<double>(count), reached.value, opened.reachedAtRuns.error});
    facts.tooShort =
        facts.shortSteps < kTellingSteps &&
        options.recipe.epochs * static_cast<double>(result.data.trainRows) >
            static_cast<double>(kStepsBeyond * facts.shortSteps * options.recipe.batchSize);
  }
  Uncertainty seeds = seedDeviation(scores);
  facts.noise.seeds = seeds.error;
  facts.noise.seedFreedom = seeds.freedom;
  facts.noise.seedCount = static_cast<std::int64_t>(scores.size() > 1 ? scores.size() : 0);
  if (facts.tunedFromProbe || (writes && facts.zeroShot)) {
    double rowsError = pairedError(opened.probeAtRuns, reached) *
                       unseenShare(opened.shortRows, evaluationSize());
    opened.gainRowsError = rowsError;
    facts.gain = {reached.value - opened.probeAtRuns.value,
                  std::hypot(rowsError, seeds.error / std::sqrt(static_cast<double>(runs))),
                  opened.shortRows};
  }
  return rt::Status::ok();
}

/// The standard error of a score over as many rows as the whole evaluation has.
static double rowsErrorOfAll(const Score &score, std::int64_t seen, std::int64_t all) {
  return score.error * std::sqrt(static_cast<double>(seen) /
                                 static_cast<double>(std::max<std::int64_t>(1, all)));
}

void Assessor::predictProbe(const Opened &opened, ModelFacts &facts) const {
  if (!facts.linearProbe)
    return;
  auto rows = static_cast<double>(result.data.trainRows);
  auto seen = static_cast<std::int64_t>(opened.evaluation.rows.size());
  facts.noise.rows = rowsErrorOfAll(*facts.linearProbe, seen, evaluationSize());
  double unseen = facts.linearProbe->error * unseenShare(seen, evaluationSize());
  double subset =
      facts.noise.subsets * std::sqrt(static_cast<double>(opened.featureRows) / rows);
  facts.probeLaw = fitPowerLaw(facts.probeCurve);
  Prediction p = extrapolate(facts.probeCurve, rows, std::hypot(unseen, subset),
                             static_cast<std::uint32_t>(options.recipe.seed));
  facts.probeAtAll = around(p.value, p.error, facts.noise.rows);
}

void Assessor::predict(const Opened &opened, ModelFacts &facts) const {
  predictProbe(opened, facts);
  if (facts.tunedCurve.empty())
    return;
  auto rows = static_cast<double>(result.data.trainRows);
  const CurvePoint &run = facts.tunedCurve.back();
  std::optional<Prediction> base = facts.probeAtAll;
  if (!base) { // the model as it is: no curve
    const Score &from = opened.probeAtRuns;
    facts.noise.rows = rowsErrorOfAll(from, opened.shortRows, evaluationSize());
    base = around(from.value, from.error * unseenShare(opened.shortRows, evaluationSize()));
    facts.probeLaw = {from.value, 0, 1};
  }
  if (!facts.gain) {
    // Nothing to add a gain to: what the short run reached, of which only more can be said.
    facts.tunedLaw = {run.value, 0, 1};
    facts.tunedAtAll =
        around(run.value, run.error, std::hypot(facts.noise.rows, facts.noise.seeds));
    facts.tunedAtAll->high = facts.tunedAtAll->newHigh = 100;
    return;
  }
  bool seeds = facts.noise.seedCount > 0;
  double missed = opened.reachedAtRuns.error * unseenShare(opened.shortRows, evaluationSize());
  ShortRun seen;
  seen.before = opened.probeAtRuns.value;
  seen.reached = run.value;
  seen.error = missed;
  seen.gainError = opened.gainRowsError;
  if (seeds) {
    seen.seeds = {facts.noise.seeds, facts.noise.seedFreedom};
    seen.runs = static_cast<double>(facts.noise.seedCount);
  }
  seen.leastError =
      seeds ? 0 : rowsErrorOfAll(opened.reachedAtRuns, opened.shortRows, evaluationSize());
  seen.rise = opened.rise;
  seen.doublings = std::log2(options.recipe.epochs * rows / run.rows);
  facts.tunedAtAll = predictTuned(seen, *base, facts.noise.rows);
  facts.tunedLaw = facts.probeLaw;
  facts.tunedLaw.top =
      std::clamp(facts.tunedLaw.top + facts.tunedAtAll->value - base->value, 0.0, 100.0);
  if (facts.tooShort)
    facts.tunedAtAll->high = facts.tunedAtAll->newHigh = 100;
}

} // namespace ftc::assess
