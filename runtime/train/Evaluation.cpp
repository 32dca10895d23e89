// Batches for evaluation are cut by tokens rather than by examples: large enough to be fast,
// small enough to stay in cache.
#include "runtime/train/Evaluation.h"

#include "runtime/tasks/TaskFlags.h"
#include "runtime/train/ClassWeights.h"

#include <algorithm>
#include <chrono>

namespace ftc::rt {

namespace {

/// Tokens that one evaluation batch aims for.
constexpr std::int64_t kEvaluationTokens = 2048;

} // namespace

Result<std::unique_ptr<Evaluator>> Evaluator::make(Session &session, double labelSmoothing) {
  FTC_ASSIGN_OR_RETURN(BatchFeed feed,
                       BatchFeed::make(session, session.layout, FeedFor::Evaluation));
  std::unique_ptr<Evaluator> evaluator(new Evaluator(session, std::move(feed)));
  bool wantsLogits = session.task->outputWidth(session.labels) > 0;
  if (!evaluator->evaluate || (wantsLogits && !evaluator->logits))
    return Status::error(session.artifact->name() + ": expected a program 'evaluate'" +
                         (wantsLogits ? " that gives logits" : "") +
                         ", got none; compile it again with this version of ftc");
  ScalarHandle smoothing = session.executor->scalar("label_smoothing");
  if (labelSmoothing > 0 && !smoothing)
    return Status::usage("--label_smoothing_factor: the loss of " + describeTask(*session.task) +
                         " has no label smoothing; give 0");
  session.executor->set(smoothing, labelSmoothing);
  return evaluator;
}

Evaluator::Evaluator(Session &session, BatchFeed feed)
    : session(session), feed(std::move(feed)), evaluate(session.executor->program("evaluate")),
      logits(session.executor->output("logits")),
      rowLoss(session.executor->output("row_loss")) {}

void Evaluator::use(TrunkCache *cache) {
  evaluateHead = session.executor->program(kEvaluateHead);
  trunk = evaluateHead ? cache : nullptr;
}

Result<EvaluationResult> Evaluator::run(std::span<const Example> examples,
                                        std::int64_t batchSize, TaskOutputs &outputs,
                                        const EvaluationProgress &progress) {
  auto start = std::chrono::steady_clock::now();
  EvaluationResult result;
  std::int64_t size = static_cast<std::int64_t>(examples.size());
  result.examples = size;
  result.batches = (size + batchSize - 1) / batchSize;
  std::vector<double> exampleLosses(examples.size(), 0);
  for (std::int64_t begin = 0; begin < size;) {
    if (progress && !progress(begin))
      return Status::interrupted("evaluation was stopped");
    pointers.clear();
    std::int64_t tokens = 0, end = begin;
    while (end < size &&
           (end == begin || tokens + examples[end].tokens() <= kEvaluationTokens)) {
      tokens += examples[end].tokens();
      pointers.push_back(&examples[end++]);
    }
    FTC_RETURN_IF_ERROR(
        splitMicroBatches(pointers, session.capacity, session.layout.placement, microBatches));
    for (const MicroBatch &micro : microBatches) {
      std::span<const Example *const> part(pointers.data() + micro.begin,
                                           micro.end - micro.begin);
      FTC_RETURN_IF_ERROR(feed.feed(part, micro.begin));
      result.tokens += feed.batch().tokens() + feed.batch().targetTokens();
      result.counted += feed.batch().countedLabels();
      result.weight += weightOfLabels(part, session.classWeights);
      if (feed.batch().labelled() == 0)
        continue;
      if (trunk)
        FTC_RETURN_IF_ERROR(trunk->provide(feed.batch(), part));
      FTC_RETURN_IF_ERROR(session.executor->run(trunk ? evaluateHead : evaluate));
      takeLosses(begin, exampleLosses, result);
      if (session.task->outputWidth(session.labels) > 0)
        FTC_RETURN_IF_ERROR(takeOutputs(begin, outputs, examples));
    }
    begin = end;
  }
  if (!exampleLosses.empty())
    outputs.takeExampleLosses(std::move(exampleLosses));
  outputs.takeLoss(result.lossSum, result.counted);
  if (progress)
    progress(size);
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  result.seconds = seconds.count();
  return result;
}

void Evaluator::takeLosses(std::int64_t firstExample, std::vector<double> &exampleLosses,
                           EvaluationResult &result) {
  const Batch &batch = feed.batch();
  std::span<const float> losses = session.executor->outputF32(rowLoss);
  std::int64_t count = static_cast<std::int64_t>(losses.size());
  bool byLabel = count == batch.labelled(), byToken = count == batch.tokens();
  if (!byLabel && !byToken)
    exampleLosses.clear();
  for (std::int64_t row = 0; row < count; ++row) {
    double loss = static_cast<double>(losses[row]);
    result.lossSum += loss;
    if (!exampleLosses.empty())
      exampleLosses[firstExample +
                    (byLabel ? batch.labelledOutput(row) : batch.tokenOutput(row)).example] +=
          loss;
  }
}

Status Evaluator::takeOutputs(std::int64_t firstExample, TaskOutputs &outputs,
                              std::span<const Example> examples) {
  const Batch &batch = feed.batch();
  std::span<const float> values = session.executor->outputF32(logits);
  std::int64_t classes = session.task->outputWidth(session.labels);
  std::int64_t count =
      static_cast<std::int64_t>(values.size()) / std::max<std::int64_t>(1, classes);
  bool byLabel = session.layout.placement != LabelPlacement::Span && count == batch.labelled();
  if (classes < 1 || count * classes != static_cast<std::int64_t>(values.size()) ||
      (!byLabel && count != batch.tokens()))
    return Status::error(session.artifact->name() + ": expected logits for " +
                         std::to_string(batch.labelled()) + " rows of " +
                         std::to_string(classes) + " labels, got " +
                         std::to_string(values.size()) + " values");
  rows.clear();
  for (std::int64_t row = 0; row < count; ++row) {
    OutputRow output = byLabel ? batch.labelledOutput(row) : batch.tokenOutput(row);
    output.example += firstExample;
    rows.push_back(output);
  }
  return outputs.add(values, classes, rows);
}

} // namespace ftc::rt
