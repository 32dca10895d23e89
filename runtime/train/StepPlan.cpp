// Counting steps: ceilings everywhere, in integers where they are integers.
#include "runtime/train/StepPlan.h"

#include <algorithm>
#include <cmath>

namespace ftc::rt {

namespace {

constexpr double kMostSteps = 4294967295.0; // the step is a word of the dropout key

std::int64_t ceilDivide(std::int64_t a, std::int64_t b) { return a / b + (a % b != 0); }

} // namespace

Result<StepPlan> StepPlan::make(const StepPlanRequest &request) {
  if (request.examples < 1)
    return Status::error("expected training examples, got none");
  StepPlan plan;
  plan.examples = request.examples;
  plan.batchSize = request.batchSize;
  plan.accumulation = request.accumulation;
  plan.batches = ceilDivide(request.examples, request.batchSize);
  plan.stepsPerEpoch = ceilDivide(plan.batches, request.accumulation);
  if (request.maxSteps > 0) {
    plan.totalSteps = request.maxSteps;
    plan.epochs = ceilDivide(request.maxSteps, plan.stepsPerEpoch);
  } else {
    double steps = std::ceil(request.epochs * static_cast<double>(plan.stepsPerEpoch));
    if (!(steps <= kMostSteps))
      return Status::usage("--num_train_epochs: expected at most 4294967295 steps, got " +
                           std::to_string(steps));
    plan.totalSteps = static_cast<std::int64_t>(steps);
    plan.epochs = static_cast<std::int64_t>(std::ceil(request.epochs));
  }
  plan.warmupSteps = request.warmupSteps;
  if (request.warmupSteps <= 0)
    plan.warmupSteps = static_cast<std::int64_t>(
        std::ceil(static_cast<double>(plan.totalSteps) * request.warmupRatio));
  return plan;
}

StepRange StepPlan::range(std::int64_t step) const {
  std::int64_t first = step % stepsPerEpoch * accumulation;
  std::int64_t last = std::min(first + accumulation, batches);
  return {first * batchSize, std::min(last * batchSize, examples)};
}

double StepPlan::epochsDone(std::int64_t steps) const {
  std::int64_t whole = steps / stepsPerEpoch, within = steps % stepsPerEpoch;
  return static_cast<double>(whole) +
         static_cast<double>(within * accumulation) / static_cast<double>(batches);
}

std::int64_t resolveSteps(double value, std::int64_t totalSteps) {
  if (value < 1)
    value = std::ceil(static_cast<double>(totalSteps) * value);
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(value));
}

} // namespace ftc::rt
