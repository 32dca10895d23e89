// What each method takes: the memory of its plan, as it holds in the run that is asked about,
// and its time.
#include "assess/Assessor.h"
#include "assess/RunMemory.h"

#include "compiler/MethodCost.h"
#include "runtime/tasks/Batch.h"
#include "runtime/train/Sampler.h"

#include <cmath>
#include <filesystem>
#include <thread>

namespace ftc::assess {

bool Assessor::takesSeveralMicroBatches(const Opened &first) const {
  std::span<const rt::Example> examples = first.train.all();
  auto size = static_cast<std::int64_t>(examples.size());
  rt::Sampler sampler(size, static_cast<std::uint32_t>(options.recipe.seed), true);
  std::vector<const rt::Example *> batch;
  std::vector<rt::MicroBatch> parts;
  auto epochs = static_cast<std::int64_t>(std::ceil(options.recipe.epochs));
  for (std::int64_t epoch = 0; epoch < std::min<std::int64_t>(epochs, kMostEpochsTried);
       ++epoch) {
    const std::vector<std::int64_t> &order = sampler.order(epoch);
    for (std::int64_t begin = 0; begin < size; begin += options.recipe.batchSize) {
      batch.clear();
      for (std::int64_t i = begin; i < std::min(size, begin + options.recipe.batchSize); ++i)
        batch.push_back(&examples[order[i]]);
      if (!rt::splitMicroBatches(batch, tunedCapacity, tunedPlacement, parts) ||
          parts.size() > 1)
        return true;
    }
  }
  return false;
}

rt::Result<std::int64_t> Assessor::bytesBesidePlan(const Opened &first) const {
  FileOfRun train{trainSet->table.get(), result.data.trainRows, first.train.all(),
                  static_cast<std::int64_t>(first.train.rows.size())};
  FileOfRun evaluation{evaluationSet->table.get(), evaluationSize(), first.evaluation.all(),
                       static_cast<std::int64_t>(first.evaluation.rows.size())};
  std::error_code error;
  auto artifact =
      static_cast<std::int64_t>(std::filesystem::file_size(first.tuned->artifact, error));
  if (error)
    return rt::Status::error(first.tuned->artifact + ": " + error.message());
  return memoryBesidePlan(*first.session, artifact, train, evaluation, options.questions)
      .beside();
}

rt::Status Assessor::costs(Opened &first, ModelFacts &facts) {
  bool several = takesSeveralMicroBatches(first);
  auto add = [&](const CompiledMethod &method, std::optional<double> seconds) {
    facts.costs.push_back({method.method, several ? method.severalPeakBytes : method.peakBytes,
                           0, method.trainable, method.parameters, seconds});
  };
  if (first.head) // The trunk once for each example; what the head takes itself is small beside
                  // it.
    add(*first.head,
        first.forwardPerToken * tokensPerRow * static_cast<double>(result.data.trainRows));
  add(*first.tuned, result.fullRunSeconds);
  FTC_RETURN_IF_ERROR(costsOfOthers(first, several, facts));
  FTC_ASSIGN_OR_RETURN(std::int64_t beside, bytesBesidePlan(first));
  for (MethodCost &cost : facts.costs)
    cost.processBytes = cost.peakBytes + beside;
  return rt::Status::ok();
}

/// Methods that were not compiled: planned, and timed by what they compute beside the one that
/// was.
rt::Status Assessor::costsOfOthers(const Opened &first, bool several, ModelFacts &facts) {
  TypicalBatch batch;
  batch.sequences = options.recipe.batchSize;
  batch.tokens = std::max<std::int64_t>(1, std::llround(tokensPerRow));
  CompileOptions planned = first.compile;
  auto costOf = [&](const std::string &method) {
    planned.pipeline.method = method;
    return methodCost(planned, batch);
  };
  rt::Result<ftc::MethodCost> asked = costOf(options.method);
  if (!asked)
    return asked.takeStatus();
  unsigned threads = options.recipe.threads ? options.recipe.threads
                                            : std::max(1u, std::thread::hardware_concurrency());
  MachineSpeed machine = measureMachine(threads, false);
  double askedStep = estimateStepSeconds(*asked, machine);
  for (const char *method : {"full", "lora", "layers:2"}) {
    if (stopped && stopped())
      return rt::Status::interrupted("stopped while methods were planned");
    if (method == options.method)
      continue;
    rt::Result<ftc::MethodCost> cost = costOf(method);
    if (!cost)
      continue; // a method that this model does not have
    MethodCost one{method,
                   several ? cost->severalPeakBytes : cost->peakBytes,
                   0,
                   cost->trainable,
                   cost->parameters,
                   {}};
    if (askedStep > 0) {
      one.seconds = result.fullRunSeconds * estimateStepSeconds(*cost, machine) / askedStep;
      one.estimated = true;
    }
    facts.costs.push_back(one);
  }
  return rt::Status::ok();
}

} // namespace ftc::assess
