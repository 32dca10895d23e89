// StepPlan: how many steps a run takes and which examples each step covers, as transformers'
// Trainer counts them.
#pragma once

#include "runtime/support/Status.h"

#include <cstdint>

namespace ftc::rt {

struct StepPlanRequest {
  std::int64_t examples = 0; ///< that a batch is made of: rows, or windows of rows
  std::int64_t batchSize = 8;
  std::int64_t accumulation = 1;
  double epochs = 3;          ///< fractions allowed
  std::int64_t maxSteps = -1; ///< > 0 overrides epochs
  double warmupRatio = 0;
  std::int64_t warmupSteps = 0; ///< > 0 overrides the ratio
};

/// Examples [begin, end) of an epoch's order.
struct StepRange {
  std::int64_t begin = 0, end = 0;
};

struct StepPlan {
  std::int64_t examples = 0, batchSize = 0, accumulation = 0;
  std::int64_t batches = 0;       ///< of one epoch; the last may be smaller
  std::int64_t stepsPerEpoch = 0; ///< ceil(batches / accumulation)
  std::int64_t totalSteps = 0;
  std::int64_t epochs = 0; ///< begun, at most
  std::int64_t warmupSteps = 0;

  /// Fails when there are no examples or a count does not fit.
  static Result<StepPlan> make(const StepPlanRequest &request);

  std::int64_t epochOf(std::int64_t step) const { return step / stepsPerEpoch; }
  /// What step `step` (from 0) covers. No accumulated batch crosses an epoch's end.
  StepRange range(std::int64_t step) const;
  /// Epochs done after `steps` steps, as log_history counts: batches seen / batches.
  double epochsDone(std::int64_t steps) const;
  bool endsEpoch(std::int64_t stepsDone) const {
    return stepsDone > 0 && stepsDone % stepsPerEpoch == 0;
  }
};

/// transformers' reading of --eval_steps and the like: values below 1 are a share of the run.
std::int64_t resolveSteps(double value, std::int64_t totalSteps);

} // namespace ftc::rt
