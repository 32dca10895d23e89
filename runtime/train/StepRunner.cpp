// A step: count, split, accumulate, check, apply. The host sums losses in double; whether the
// update happens is decided on the device by the gradients' norm.
#include "runtime/train/StepRunner.h"

#include "runtime/support/Text.h"
#include "runtime/tasks/TaskFlags.h"
#include "runtime/train/ClassWeights.h"

#include <cmath>
#include <limits>

namespace ftc::rt {

Result<std::unique_ptr<StepRunner>> StepRunner::make(Session &session,
                                                     const Hyperparameters &hyperparameters) {
  FTC_ASSIGN_OR_RETURN(BatchFeed feed,
                       BatchFeed::make(session, session.layout, FeedFor::Training));
  std::unique_ptr<StepRunner> runner(new StepRunner(session, std::move(feed), hyperparameters));
  FTC_RETURN_IF_ERROR(runner->setConstants());
  FTC_ASSIGN_OR_RETURN(runner->frozen, TrunkCache::make(*session.executor, session.capacity));
  return runner;
}

StepRunner::StepRunner(Session &session, BatchFeed feed, const Hyperparameters &hyperparameters)
    : session(session), executor(*session.executor), feed(std::move(feed)),
      settings(hyperparameters) {
  accumulate = executor.program("train_accumulate");
  apply = executor.program("apply");
  trainStep = executor.program("train_step");
  if (accumulate && apply)
    trainStep = {};
  accumulateSymbol = executor.symbol("accumulate");
  seedSymbol = executor.symbol("seed");
  stepSymbol = executor.symbol("step");
  inverseDenominator = executor.scalar("inverse_denominator");
  rate = executor.scalar("learning_rate");
  correction1 = executor.scalar("bias_correction1");
  correction2 = executor.scalar("bias_correction2");
  adafactorBeta2 = executor.scalar("adafactor_beta2");
  rowLoss = executor.output("row_loss");
  gradNorm = executor.output("grad_norm");
  microBatches.reserve(64);
}

Status StepRunner::setConstants() {
  if (!trainStep && !(accumulate && apply))
    return Status::error(session.artifact->name() +
                         ": expected the programs train_accumulate and apply, or train_step; "
                         "this artifact was not compiled for training");
  if (trainStep && settings.maxGradNorm > 0)
    return Status::usage(
        "--max_grad_norm: this artifact was compiled with --fused_update and "
        "cannot clip gradients; give --max_grad_norm 0, or compile without it");
  auto set = [&](const char *name, double value) {
    executor.set(executor.scalar(name), value);
  };
  set("adam_beta1", settings.adamBeta1);
  set("adam_beta2", settings.adamBeta2);
  set("adam_epsilon", settings.adamEpsilon);
  set("weight_decay", settings.weightDecay);
  set("sgd_momentum", settings.optimizer.momentum);
  set("adafactor_clip_threshold", settings.optimizer.clipThreshold);
  set("max_grad_norm", settings.maxGradNorm > 0 ? settings.maxGradNorm
                                                : std::numeric_limits<double>::infinity());
  set("label_smoothing", settings.labelSmoothing);
  if (settings.labelSmoothing > 0 && !executor.scalar("label_smoothing"))
    return Status::usage("--label_smoothing_factor: the loss of " +
                         describeTask(*session.task) + " has no label smoothing; give 0");
  executor.set(seedSymbol, settings.seed);
  if (!settings.dropout)
    return Status::ok();
  const abi::Artifact &artifact = session.artifact->root();
  for (std::uint32_t i = 0; i < count(artifact.scalars()); ++i) {
    std::string_view name = text(artifact.scalars()->Get(i)->name());
    if (name.starts_with("dropout."))
      executor.set(executor.scalar(name), *settings.dropout);
  }
  return Status::ok();
}

void StepRunner::setScalars(double learningRate, std::int64_t updates, double weight) {
  double t = static_cast<double>(updates + 1);
  executor.set(rate, learningRate);
  executor.set(correction1, 1 - std::pow(settings.adamBeta1, t));
  executor.set(correction2, 1 - std::pow(settings.adamBeta2, t));
  executor.set(adafactorBeta2, 1 - std::pow(t, settings.optimizer.decayRate));
  executor.set(inverseDenominator, 1 / weight);
}

Status StepRunner::sumLosses(double inverse, double &loss) const {
  std::span<const float> rows = executor.outputF32(rowLoss);
  if (rows.empty())
    return Status::error(session.artifact->name() +
                         ": expected the training program to give row_loss, got no output");
  for (float row : rows)
    loss += static_cast<double>(row) * inverse;
  return Status::ok();
}

bool StepRunner::refusesMicroBatches() const {
  if (trainStep)
    return true;
  if (executor.gradientPlace() == GradientPlace::Apart)
    return false;
  std::int64_t budget = (*session.artifact)->memory_budget();
  return (budget > 0 && memoryOf(executor.variant(), GradientPlace::Apart).peak() > budget) ||
         executor.lackingForGradientsApart() > 0;
}

/// Gradients that lie in the arena last for one micro-batch, those of a fused update for none.
Status StepRunner::checkMicroBatches(std::size_t examples) const {
  if (microBatches.size() < 2)
    return Status::ok();
  std::string needs = std::to_string(examples) + " examples needs " +
                      std::to_string(microBatches.size()) + " micro-batches";
  if (trainStep)
    return Status::error(
        "a batch of " + needs +
        ", but this artifact was compiled with --fused_update: lower "
        "--per_device_train_batch_size, or compile with a larger --max_tokens");
  if (executor.gradientPlace() == GradientPlace::Apart)
    return Status::ok();
  std::int64_t budget = (*session.artifact)->memory_budget();
  std::int64_t peak = memoryOf(executor.variant(), GradientPlace::Apart).peak();
  if (budget > 0 && peak > budget)
    return Status::error(
        "a step of " + needs + ", which take " + std::to_string(peak) +
        " bytes, but this artifact was compiled with --memory_budget " +
        std::to_string(budget) +
        ": lower --per_device_train_batch_size or --gradient_accumulation_steps, or compile "
        "with a larger --max_tokens or --memory_budget");
  if (std::int64_t lacking = executor.lackingForGradientsApart())
    return Status::error("a step of " + needs +
                         ", whose gradients take memory of their own, and " +
                         describeBytes(static_cast<std::uint64_t>(lacking)) +
                         " of the device's are lacking: lower --per_device_train_batch_size or "
                         "--gradient_accumulation_steps, or compile with another --max_tokens");
  return Status::ok();
}

Status StepRunner::check(std::span<const Example *const> examples) {
  if (countLabels(examples) == 0) // it is not run
    return Status::ok();
  FTC_RETURN_IF_ERROR(
      splitMicroBatches(examples, session.capacity, session.layout.placement, microBatches));
  return checkMicroBatches(examples.size());
}

Result<StepOutcome> StepRunner::run(std::span<const Example *const> examples, std::int64_t step,
                                    std::int64_t updates, double learningRate) {
  StepOutcome outcome;
  outcome.examples = static_cast<std::int64_t>(examples.size());
  if (countLabels(examples) == 0) {
    outcome.kind = StepOutcome::Kind::Skipped;
    return outcome;
  }
  double weight = weightOfLabels(examples, session.classWeights);
  FTC_RETURN_IF_ERROR(
      splitMicroBatches(examples, session.capacity, session.layout.placement, microBatches));
  FTC_RETURN_IF_ERROR(checkMicroBatches(examples.size()));
  if (microBatches.size() > 1)
    FTC_RETURN_IF_ERROR(executor.keepGradientsApart());
  setScalars(learningRate, updates, weight);
  executor.set(stepSymbol, step);
  bool first = true;
  for (const MicroBatch &micro : microBatches) {
    std::span<const Example *const> part =
        examples.subspan(micro.begin, micro.end - micro.begin);
    FTC_RETURN_IF_ERROR(feed.feed(part, micro.begin));
    outcome.tokens += feed.batch().tokens() + feed.batch().targetTokens();
    // A micro-batch whose labels all are ignored adds nothing.
    if (feed.batch().countedLabels() == 0)
      continue;
    executor.set(accumulateSymbol, first ? 0 : 1);
    first = false;
    if (frozen)
      FTC_RETURN_IF_ERROR(frozen->provide(feed.batch(), part));
    FTC_RETURN_IF_ERROR(executor.run(trainStep ? trainStep : accumulate));
    FTC_RETURN_IF_ERROR(sumLosses(1 / weight, outcome.loss));
    ++outcome.microBatches;
  }
  if (!std::isfinite(outcome.loss)) {
    outcome.kind = StepOutcome::Kind::NonFinite;
    outcome.badTensor = "the loss";
    return outcome;
  }
  if (!trainStep)
    FTC_RETURN_IF_ERROR(update(outcome));
  if (outcome.kind != StepOutcome::Kind::NonFinite)
    session.demanded.decay(static_cast<float>(1.0 - learningRate * settings.weightDecay));
  return outcome;
}

Status StepRunner::update(StepOutcome &outcome) {
  FTC_RETURN_IF_ERROR(executor.run(apply));
  std::span<const float> norm = executor.outputF32(gradNorm);
  if (norm.size() != 1)
    return Status::error(session.artifact->name() +
                         ": expected the program apply to give grad_norm, got no output");
  outcome.gradNorm = norm[0];
  if (std::isfinite(norm[0]))
    return Status::ok();
  outcome.kind = StepOutcome::Kind::NonFinite;
  FTC_ASSIGN_OR_RETURN(std::optional<std::string> bad,
                       executor.firstNonFinite(ParameterSlot::Grads));
  outcome.badTensor = bad ? "the gradient of " + *bad : "the gradients' norm (it overflows)";
  return Status::ok();
}

} // namespace ftc::rt
