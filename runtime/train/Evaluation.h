// Evaluation: a task's outputs, loss and speed over a set of examples.
#pragma once

#include "runtime/train/BatchFeed.h"
#include "runtime/train/Session.h"
#include "runtime/train/TrunkCache.h"

#include <functional>
#include <optional>

namespace ftc::rt {

struct EvaluationResult {
  double lossSum = 0;       ///< of every row's loss
  double weight = 0;        ///< what the labels that count do so together
  std::int64_t counted = 0; ///< labels that count
  std::int64_t examples = 0, tokens = 0, batches = 0;
  double seconds = 0;
  double loss() const { return counted ? lossSum / weight : 0; }
};

/// Called between micro-batches with examples done; returns false to stop.
using EvaluationProgress = std::function<bool(std::int64_t done)>;

class Evaluator {
public:
  /// `labelSmoothing` is part of the loss, and so are the session's class weights.
  static Result<std::unique_ptr<Evaluator>> make(Session &session, double labelSmoothing);

  /// From now on, where the artifact can do it, what the frozen part of the model gives comes from
  /// `cache`, which must outlive this; examples too, at their addresses. Null: from nowhere.
  void use(TrunkCache *cache);

  /// Runs `evaluate` over all examples and gives the outputs to `outputs`. Examples are packed
  /// as the capacities allow: logits do not depend on it. Code::Interrupted when `progress`
  /// stopped it.
  Result<EvaluationResult> run(std::span<const Example> examples, std::int64_t batchSize,
                               TaskOutputs &outputs, const EvaluationProgress &progress);

private:
  Evaluator(Session &session, BatchFeed feed);
  /// Adds the row losses of the batch at hand to the result and to their examples', of which
  /// nothing is left where rows are neither labels nor tokens.
  void takeLosses(std::int64_t firstExample, std::vector<double> &exampleLosses,
                  EvaluationResult &result);
  Status takeOutputs(std::int64_t firstExample, TaskOutputs &outputs,
                     std::span<const Example> examples);

  Session &session;
  BatchFeed feed;
  ProgramHandle evaluate, evaluateHead;
  TrunkCache *trunk = nullptr;
  OutputHandle logits, rowLoss;
  std::vector<const Example *> pointers;
  std::vector<OutputRow> rows;
  std::vector<MicroBatch> microBatches;
};

} // namespace ftc::rt
