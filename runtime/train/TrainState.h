// TrainState: all that changes from step to step beside weights and moments, and how it is
// written into checkpoints and into trainer_state.json.
#pragma once

#include "runtime/io/Json.h"

#include <cstdint>
#include <optional>
#include <string>

namespace ftc::rt {

struct TrainState {
  std::int64_t step = 0;    ///< steps done (global_step)
  std::int64_t updates = 0; ///< of them, those that changed the weights
  std::int64_t skipped = 0, nonFinite = 0, nonFiniteInARow = 0;
  std::int64_t lastLogged = 0, lastEvaluated = 0;
  double lossSinceLog = 0, lossTotal = 0; ///< sums over steps; the total up to lastLogged
  std::int64_t tokens = 0, examples = 0;
  double flops = 0; ///< of training steps, as the programs' costs say them
  std::optional<double> bestMetric;
  std::int64_t bestStep = 0;
  std::int64_t evaluationsWithoutGain = 0;
  bool stopped = false; ///< by early stopping
  OrderedJson logHistory = OrderedJson::array();

  /// Exact: fromJson(toJson()) is the same state, bit for bit.
  OrderedJson toJson() const;
  static Result<TrainState> fromJson(const Json &json, std::string_view source);
};

/// What trainer_state.json says beside the state itself.
struct TrainerFacts {
  std::int64_t maxSteps = 0, numTrainEpochs = 0, trainBatchSize = 0;
  std::int64_t loggingSteps = 0, evalSteps = 0, saveSteps = 0;
  double epoch = 0;
  std::string bestCheckpoint; ///< empty: none
};

/// transformers' TrainerState, keys sorted, as it writes it.
OrderedJson trainerStateJson(const TrainState &state, const TrainerFacts &facts);

} // namespace ftc::rt
