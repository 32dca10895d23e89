// The phases on nn IR, the plan of each variant, and a plan within a memory budget.
#include "compiler/Compilation.h"

#include "compiler/passes/Passes.h"
#include "compiler/plan/VerifyParameters.h"
#include "compiler/plan/VerifyPlan.h"
#include "runtime/artifact/CompactRows.h"
#include "runtime/support/Text.h"

#include "mlir/IR/Verifier.h"

using namespace mlir;

namespace ftc {

using rt::mebibytes;

rt::Status Compilation::emitModule(ModuleOp op) {
  std::string text;
  llvm::raw_string_ostream(text) << op << '\n';
  std::fwrite(text.data(), 1, text.size(), stdout);
  return {};
}

/// What ftc-apply-lora finds wrong with the modules that a flag named is that flag's mistake.
rt::Status Compilation::phaseFailure(const std::string &phase) const {
  llvm::StringRef line = diagnostics.firstLine();
  if (phase == "method" && !adapter && !options.lora.targetModules.empty() &&
      line.consume_front("lora: "))
    return rt::Status::usage("--lora_target_modules: " + line.str());
  return diagnostics.failure(phase);
}

/// The passes, phase by phase; with `--emit` of one of them, prints it and stops.
rt::Status Compilation::runPhases() {
  PipelineOptions &pipeline = options.pipeline;
  pipeline.spaces = spacesWith(maxSequences);
  pipeline.scarceMemory = options.memoryBudget != 0;
  pipeline.roundedFactors = llvm::all_of(
      isas, [&](const cpu::CpuIsa *isa) { return target.roundsFactors(*isa); });
  for (const Phase &phase : pipelinePhases(pipeline)) {
    if (failed(runPhase(*model.module, phase)))
      return phaseFailure(phase.name);
    if (phase.name == "method" && pipeline.method == "lora") {
      FTC_RETURN_IF_ERROR(
          bindAdapter(*model.module, options.lora, adapter ? &*adapter : nullptr));
      adapterJson = adapterConfig(*model.module, pipeline.lora, absolutePath(options.model),
                                  peftTaskName(options.task, model.modelType));
    }
    // With fused updates no gradient outlives its update: the programs that keep them go.
    if (phase.name == "optimizer" && pipeline.fusedUpdate)
      for (const char *name : {"train_accumulate", "apply"})
        if (auto function = model.module->lookupSymbol<func::FuncOp>(name))
          function.erase();
    clock.lap(phase.name);
    // Of a schedule within a memory budget the plan decides.
    bool settled = phase.name != "schedule" || options.memoryBudget == 0;
    if (options.emit == phase.name && settled) {
      emitted = true;
      return emitModule(*model.module);
    }
  }
  return {};
}

rt::Status Compilation::plan() {
  ModuleOp module = *model.module;
  irText.clear();
  llvm::raw_string_ostream(irText) << module;
  kernelTables.assign(isas.size(), {});
  for (std::size_t i = 0; i < isas.size(); ++i)
    if (failed(cpu::lowerToPlan(module, target.lowering(), *isas[i], symbols,
                                std::max(maxSequence, maxTarget), kernelTables[i])))
      return diagnostics.failure("plan");
  symbols.attach(module);
  SmallVector<llvm::StringRef> variants;
  for (const cpu::CpuIsa *isa : isas)
    variants.push_back(isa->name);
  if (failed(verify(module)) || failed(runPhase(module, planPhase(options.pipeline))) ||
      failed(verifyPlan(module, options.pipeline.longestText > 0)) ||
      failed(verifyParameters(module, variants)))
    return diagnostics.failure("plan");
  clock.lap("plan");
  return {};
}

/// Which rows of an embedding table the training data names; without data all of them.
std::vector<bool> Compilation::namedRows(std::int64_t vocabulary) const {
  std::vector<bool> rows(vocabulary, true);
  if (data.examples == 0)
    return rows;
  // A single text is cut behind its first tokens. Of a pair, or a prompt with a target, what
  // stands there uncut may be kept, and windows together have what a whole row has: all ids
  // count.
  bool cut = task->hasLabelSet() && !data.pair;
  auto named = [](const rt::TokenStatistics &statistics, std::int64_t id, std::int64_t limit) {
    return id < static_cast<std::int64_t>(statistics.earliest.size()) &&
           statistics.earliest[id] < limit;
  };
  for (std::int64_t id = 0; id < vocabulary; ++id)
    rows[id] = named(data.sources, id, cut ? maxSequence : rt::TokenStatistics::kNowhere) ||
               named(data.targets, id, rt::TokenStatistics::kNowhere);
  return rows;
}

/// What tables on demand, gradients and moments reserve for other rows, which is never written.
UnusedBytes Compilation::unusedBytes(plan::VariantOp variant) const {
  UnusedBytes unused;
  if (variant.getTarget() != "cpu")
    return unused; // memory that is reserved is taken
  bool accumulates = variant.lookupSymbol("train_accumulate") != nullptr;
  std::int64_t arena = 0; // what programs use of it, whatever lies there
  for (auto program : variant.getOps<plan::ProgramOp>())
    arena = std::max<std::int64_t>(arena, program.getArenaBytes());
  std::map<std::string, std::int64_t> gradients; // one a parameter: its offset in bytes
  for (auto storage : variant.getOps<plan::StorageOp>()) {
    std::int64_t begin = 4 * storage.getOffset();
    gradients[storage.getParameter().str()] = begin;
    std::int64_t rows = storage.getRowsOnDemand().value_or(0);
    if (rows == 0 ||
        4 * static_cast<std::int64_t>(variant.getParamsElements()) < rt::kLargePage)
      continue;
    std::vector<bool> named = namedRows(rows);
    unused.params += rt::bytesNeverRead(begin, rows, 4 * storage.getElements() / rows,
                                        [&](std::int64_t row) { return named[row]; });
  }
  for (auto moment : variant.getOps<plan::MomentOp>()) {
    if (!moment.getCompact())
      continue;
    std::int64_t rows = moment.getShape()[0], width = 4 * moment.getShape()[1];
    std::vector<bool> named = namedRows(rows);
    std::int64_t used = llvm::count(named, true) * width;
    auto bytes = [&](std::int64_t begin) {
      return rt::bytesNeverWritten(begin, used, begin + rows * width);
    };
    unused.moments += bytes(moment.getOffset());
    if (!accumulates || moment.getIndex() != 0)
      continue;
    std::int64_t begin = gradients.at(moment.getParameter().str());
    unused.gradients += bytes(begin);
    if (variant.getOverlaidAt()) {
      begin += variant.getOverlaidCompactAt().value_or(0);
      unused.overlaid +=
          rt::bytesNeverWritten(begin, std::max(used, arena - begin), begin + rows * width);
    }
  }
  return unused;
}

std::int64_t Compilation::plannedPeak() {
  std::int64_t peak = 0;
  for (auto variant : model.module->getOps<plan::VariantOp>())
    peak = std::max(peak, memoryOf(variant, unusedBytes(variant)).peak());
  return peak;
}

/// Plans `unplanned` with what `candidate` makes again; gives the plan's peak.
rt::Result<std::int64_t> Compilation::planCandidate(ModuleOp unplanned,
                                                    const RecomputeCandidate &candidate,
                                                    const SpaceSizes &sizes) {
  model.module = OwningOpRef<ModuleOp>(unplanned.clone());
  for (auto function : model.module->getOps<func::FuncOp>())
    if (!programName(function).empty())
      rematerialize(function,
                    RecomputeGraph(function, sizes, candidate.slope).at(candidate.price).again);
  FTC_RETURN_IF_ERROR(plan());
  return plannedPeak();
}

/// The plan; where it is above the memory budget, the one of the cheapest recomputation that
/// fits.
rt::Status Compilation::planWithinBudget() {
  if (options.memoryBudget == 0)
    return plan();
  OwningOpRef<ModuleOp> unplanned(model.module->clone());
  FTC_RETURN_IF_ERROR(plan());
  std::int64_t peak = plannedPeak();
  if (peak <= options.memoryBudget)
    return {};
  // What attention costs depends on how long sequences are: as the data's mean, or the longest.
  std::int64_t length = std::clamp<std::int64_t>(data.meanTokens, 1, maxSequence);
  options.pipeline.spaces = spacesWith(std::clamp<std::int64_t>(
      maxTokens / (data.meanTokens ? length : maxSequence), 1, maxSequences));
  FailureOr<SpaceSizes> sizes = readSpaceSizes(spaceTexts());
  func::FuncOp program;
  for (auto function : unplanned->getOps<func::FuncOp>())
    if (!programName(function).empty() && backwardSeed(function))
      program = function;
  std::vector<RecomputeCandidate> candidates;
  if (succeeded(sizes) && program &&
      !llvm::is_contained(options.pipeline.disabled, "recompute"))
    candidates = recomputeCandidates(program, *sizes);
  FTC_ASSIGN_OR_RETURN(
      BudgetSearch search,
      searchBudget(candidates.size(), options.memoryBudget, [&](std::size_t i) {
        return planCandidate(*unplanned, candidates[i], *sizes);
      }));
  if (!search.chosen)
    return refuseBudget(candidates.empty() ? peak : std::min(peak, search.least));
  const RecomputeCandidate &chosen = candidates[*search.chosen];
  double flops = flopsOf(program, *sizes);
  recomputed = {peak, percentMore(flops, flops + chosen.flops), chosen.values};
  // The pass itself, for its remark.
  model.module = std::move(unplanned);
  if (failed(runPhase(*model.module,
                      recomputePhase(options.pipeline, chosen.price, chosen.slope))))
    return diagnostics.failure("schedule");
  return plan();
}

/// Refuses the memory budget with the least that would do.
rt::Status Compilation::refuseBudget(std::int64_t least) const {
  return rt::Status::error("--memory_budget: the smallest plan found takes " +
                           std::to_string(least) + " bytes (" + mebibytes(least) + "), " +
                           std::to_string(options.memoryBudget) +
                           " were given: raise it, lower --max_tokens (now " +
                           std::to_string(maxTokens) + "), or train less (--method)");
}

/// What the summary adds where a step of several micro-batches takes more memory.
std::string Compilation::ofSeveralMicroBatches(plan::VariantOp variant) const {
  if (!variant.getOverlaidAt())
    return "";
  rt::VariantMemory memory = memoryOf(variant, unusedBytes(variant), rt::GradientPlace::Apart);
  std::int64_t peak = memory.trainingState() + memory.trainingArena();
  std::string text = "; with several micro-batches a step " + mebibytes(peak);
  return options.memoryBudget && peak > options.memoryBudget
             ? text + ", above --memory_budget: "
                      "refused then"
             : text;
}

} // namespace ftc
