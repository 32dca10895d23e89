// StepRunner: one optimizer step over one accumulated batch: micro-batches that fit, one
// denominator for all of them, one update. Everything is allocated when it is made.
#pragma once

#include "runtime/train/BatchFeed.h"
#include "runtime/train/OptimizerArguments.h"
#include "runtime/train/Session.h"
#include "runtime/train/TrunkCache.h"

#include <optional>

namespace ftc::rt {

/// Scalars that stay the same for a whole run.
struct Hyperparameters {
  double adamBeta1 = 0.9, adamBeta2 = 0.999, adamEpsilon = 1e-8, weightDecay = 0;
  OptimizerArguments optimizer; ///< what only some optimizers read
  double maxGradNorm = 1;       ///< 0: no clipping
  double labelSmoothing = 0;
  std::optional<double> dropout; ///< every dropout's probability
  std::uint32_t seed = 42;
};

struct StepOutcome {
  enum class Kind {
    Updated,
    Skipped,  ///< no label counts in the batch; nothing was run
    NonFinite ///< loss or gradients are not finite; weights and moments are untouched
  };
  Kind kind = Kind::Updated;
  double loss = 0;                ///< mean over the labels that count, by their weights
  std::optional<double> gradNorm; ///< before clipping; absent with a fused update
  std::int64_t tokens = 0, examples = 0, microBatches = 0;
  std::string badTensor; ///< NonFinite: the first parameter with a bad gradient, or "loss"
};

class StepRunner {
public:
  /// Fails, by flag name, on settings that the artifact's programs cannot honour: clipping or
  /// accumulation with a fused update, label smoothing or dropout without such a scalar.
  static Result<std::unique_ptr<StepRunner>> make(Session &session,
                                                  const Hyperparameters &hyperparameters);

  /// Runs step `step` (from 0; keys the dropout masks) after `updates` updates with this
  /// learning rate. A failed run leaves weights and moments as they were, but with a fused
  /// update. The first step of several micro-batches gives gradients a place of their own, or
  /// fails where the memory budget of the artifact has no room for it.
  Result<StepOutcome> run(std::span<const Example *const> examples, std::int64_t step,
                          std::int64_t updates, double learningRate);

  /// Whether some steps of several micro-batches cannot run here: with a fused update, or where
  /// gradients have no room of their own.
  bool refusesMicroBatches() const;
  /// Whether a step of these examples can: fails with what is lacking as `run` would.
  Status check(std::span<const Example *const> examples);

  /// What the frozen part of the model gives; null where nothing large is frozen.
  TrunkCache *trunk() { return frozen.get(); }

  bool fused() const { return static_cast<bool>(trainStep); }

private:
  StepRunner(Session &session, BatchFeed feed, const Hyperparameters &hyperparameters);
  Status setConstants();
  void setScalars(double learningRate, std::int64_t updates, double weight);
  Status sumLosses(double inverseDenominator, double &loss) const;
  Status checkMicroBatches(std::size_t examples) const;
  Status update(StepOutcome &outcome);

  Session &session;
  Executor &executor;
  BatchFeed feed;
  std::unique_ptr<TrunkCache> frozen;
  Hyperparameters settings;
  ProgramHandle accumulate, apply, trainStep;
  SymbolHandle accumulateSymbol, seedSymbol, stepSymbol;
  ScalarHandle inverseDenominator, rate, correction1, correction2, adafactorBeta2;
  OutputHandle rowLoss, gradNorm;
  std::vector<MicroBatch> microBatches;
};

} // namespace ftc::rt
