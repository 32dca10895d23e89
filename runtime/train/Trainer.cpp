// The loop. A step's consequences (log, evaluate, save) are functions of the state alone, so a
// run that was stopped between them takes them up where it stopped.
#include "runtime/train/Trainer.h"

#include "runtime/devices/FmaPeak.h"
#include "runtime/support/Text.h"
#include "runtime/train/Interrupt.h"

#include <chrono>

namespace ftc::rt {

namespace {

double secondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

} // namespace

Result<std::unique_ptr<Trainer>> Trainer::make(const TrainSettings &settings,
                                               Progress &progress) {
  std::unique_ptr<Trainer> trainer(new Trainer(settings, progress));
  trainer->processStart = std::chrono::steady_clock::now();
  FTC_RETURN_IF_ERROR(trainer->open());
  FTC_RETURN_IF_ERROR(trainer->plan());
  FTC_RETURN_IF_ERROR(trainer->startOrResume());
  return trainer;
}

Status Trainer::train() {
  Status trained = trainSteps();
  if (!trained)
    withdrawArtifact();
  return trained;
}

Status Trainer::trainSteps() {
  measures.fmaPeak = multiplyAddPeak(*session, kQuickLook);
  auto start = measures.start = std::chrono::steady_clock::now();
  progress.begin(state.step, steps->totalSteps);
  // What the last run left undone after its last step.
  if (state.step > 0)
    FTC_RETURN_IF_ERROR(afterStep());
  while (state.step < steps->totalSteps && !state.stopped) {
    FTC_RETURN_IF_ERROR(runStep());
    if (measures.steps == 1)
      measures.secondsToFirstStep = secondsSince(processStart);
    FTC_RETURN_IF_ERROR(afterStep());
  }
  measures.trainSeconds = secondsSince(start);
  progress.clear();
  sayCuts(*data->train, "training");
  if (state.skipped > 0)
    progress.line(std::to_string(state.skipped) +
                  " steps were skipped: none of their labels counts");
  return Status::ok();
}

Status Trainer::runStep() {
  const std::vector<std::int64_t> &order = sampler->order(steps->epochOf(state.step));
  StepRange range = steps->range(state.step);
  batch.clear();
  for (std::int64_t i = range.begin; i < range.end; ++i) {
    FTC_ASSIGN_OR_RETURN(const Example *example, data->train->stream->get(order[i]));
    batch.push_back(example);
  }
  double rate = schedule->rate(state.step);
  double before = session->executor->flopsDone();
  GradientPlace place = session->executor->gradientPlace();
  FTC_ASSIGN_OR_RETURN(StepOutcome outcome,
                       stepper->run(batch, state.step, state.updates, rate));
  if (place != session->executor->gradientPlace())
    progress.line("step " + std::to_string(state.step + 1) + " takes " +
                  std::to_string(outcome.microBatches) +
                  " micro-batches: from here on gradients take memory of their own, " +
                  mebibytes(session->executor->memory().grads));
  double flops = session->executor->flopsDone() - before;
  measures.flops += flops;
  state.flops += flops;
  ++measures.steps;
  measures.tokens += outcome.tokens;
  measures.examples += outcome.examples;
  FTC_RETURN_IF_ERROR(account(outcome, rate));
  progress.step(state.step, outcome.loss, measures.tokens, rate);
  return Status::ok();
}

Status Trainer::account(const StepOutcome &outcome, double rate) {
  ++state.step;
  state.tokens += outcome.tokens;
  state.examples += outcome.examples;
  lastRate = rate;
  switch (outcome.kind) {
  case StepOutcome::Kind::Updated:
    ++state.updates;
    state.nonFiniteInARow = 0;
    state.lossSinceLog += outcome.loss;
    lastNorm = outcome.gradNorm;
    return Status::ok();
  case StepOutcome::Kind::Skipped:
    ++state.skipped;
    return checkAnyCounted();
  case StepOutcome::Kind::NonFinite:
    break;
  }
  ++state.nonFinite;
  ++state.nonFiniteInARow;
  std::string what =
      "step " + std::to_string(state.step) + ": " + outcome.badTensor + " is not finite";
  if (stepper->fused())
    return Status::error(what + "; a fused update cannot undo it: " +
                         remedy("resume from the last checkpoint, with a lower --learning_rate"));
  if (state.nonFiniteInARow >= kMostNonFinite)
    return Status::error(what + ", and so were the " + std::to_string(kMostNonFinite - 1) +
                         " steps before it; " + remedy("lower --learning_rate"));
  progress.line(what + "; the weights were left as they were");
  return Status::ok();
}

std::string Trainer::remedy(std::string_view lowerRate) const {
  std::string text(lowerRate);
  if (settings.adamEpsilon == 0 && session->executor->scalar("adam_epsilon"))
    text = "begin anew with --adam_epsilon above 0 (with 0, a weight whose gradients were all 0 "
           "becomes 0 / 0), or " +
           text;
  return text;
}

Status Trainer::checkWeights() const {
  FTC_ASSIGN_OR_RETURN(std::optional<std::string> bad,
                       session->executor->firstNonFinite(ParameterSlot::Params));
  if (!bad)
    return Status::ok();
  return Status::error(
      "step " + std::to_string(state.step) + ": " + quote(*bad, 200) +
      ": expected finite weights, got a NaN or an infinity: nothing is written of them; " +
      remedy("lower --learning_rate"));
}

Status Trainer::saveCheckpoint() {
  FTC_RETURN_IF_ERROR(checkWeights());
  return store->save(*session, state, facts(), [this] { return placeArtifact(); });
}

Status Trainer::checkAnyCounted() const {
  bool seenAll = steps->endsEpoch(state.step) || state.step == steps->totalSteps;
  if (state.skipped < state.step || !seenAll)
    return Status::ok();
  return Status::error("nothing was trained: no label of the " + std::to_string(state.examples) +
                       " examples seen counts in the loss; expected some that are not ignored or "
                       "cut off (the artifact takes " +
                       std::to_string(session->encode.maxSeqLength) + " tokens of each) in " +
                       quote(settings.trainFile.front(), 120));
}

bool Trainer::evaluationDue() const {
  if (state.lastEvaluated >= state.step || !data->validation)
    return false;
  if (settings.evalStrategy == "steps")
    return state.step % evalSteps == 0;
  return settings.evalStrategy == "epoch" &&
         (steps->endsEpoch(state.step) || state.step == steps->totalSteps);
}

bool Trainer::saveDue() const {
  bool last = state.step == steps->totalSteps;
  if (settings.saveStrategy == "steps")
    return state.step % saveSteps == 0 || last;
  return settings.saveStrategy == "epoch" && (steps->endsEpoch(state.step) || last);
}

Status Trainer::afterStep() {
  if (state.step % loggingSteps == 0 && state.lastLogged < state.step)
    log();
  FTC_RETURN_IF_ERROR(stopOnSignal());
  progress.pause();
  auto pause = std::chrono::steady_clock::now();
  if (evaluationDue())
    FTC_RETURN_IF_ERROR(evaluateDuringTraining());
  if (saveDue() || (state.stopped && settings.saveStrategy != "no"))
    FTC_RETURN_IF_ERROR(saveCheckpoint());
  progress.resume();
  measures.pausedSeconds += secondsSince(pause);
  return stopOnSignal();
}

Status Trainer::stopOnSignal() {
  int signal = interruptSignal();
  if (!signal)
    return Status::ok();
  progress.clear();
  FTC_RETURN_IF_ERROR(saveCheckpoint());
  return Status::interrupted(
      std::string("stopped by ") + interruptName(signal) + " after step " +
      std::to_string(state.step) + " of " + std::to_string(steps->totalSteps) + "; " +
      quote(store->path(state.step)) +
      " holds the run: --resume_from_checkpoint true goes on from there");
}

void Trainer::log() {
  double count = static_cast<double>(state.step - state.lastLogged);
  OrderedJson entry;
  entry["loss"] = state.lossSinceLog / count;
  if (lastNorm)
    entry["grad_norm"] = *lastNorm;
  entry["learning_rate"] = lastRate;
  entry["epoch"] = steps->epochsDone(state.step);
  entry["step"] = state.step;
  record(std::move(entry));
  state.lossTotal += state.lossSinceLog;
  state.lossSinceLog = 0;
  state.lastLogged = state.step;
  measureSpeed();
}

void Trainer::measureSpeed() {
  if (measures.steps == 0)
    return;
  double seconds = secondsSince(measures.start) - measures.pausedSeconds;
  double passed = std::max(seconds - measures.loggedSeconds, 1e-9);
  measures.speed.push_back(
      {state.step, static_cast<double>(measures.tokens - measures.loggedTokens) / passed,
       (measures.flops - measures.loggedFlops) / passed});
  measures.loggedSeconds = seconds;
  measures.loggedTokens = measures.tokens;
  measures.loggedFlops = measures.flops;
}

TrainerFacts Trainer::facts() const {
  TrainerFacts facts;
  facts.maxSteps = steps->totalSteps;
  facts.numTrainEpochs = steps->epochs;
  facts.trainBatchSize = settings.trainBatchSize;
  facts.loggingSteps = loggingSteps;
  facts.evalSteps = evalSteps;
  facts.saveSteps = saveSteps;
  facts.epoch = steps->epochsDone(state.step);
  if (state.bestMetric && store->has(state.bestStep))
    facts.bestCheckpoint = store->path(state.bestStep);
  return facts;
}

} // namespace ftc::rt
