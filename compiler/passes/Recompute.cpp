// Makes values again in the backward that would be kept, at a price or for a memory budget.
#include "compiler/passes/Passes.h"
#include "compiler/passes/Rematerialize.h"

#include "compiler/analysis/Arguments.h"
#include "compiler/analysis/Liveness.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_RECOMPUTE
#include "compiler/passes/Passes.h.inc"

namespace {

struct RecomputePass : impl::RecomputeBase<RecomputePass> {
  using RecomputeBase::RecomputeBase;

  void runOnOperation() override {
    FailureOr<SpaceSizes> sizes =
        readSpaceSizes(SmallVector<std::string>(spaces.begin(), spaces.end()));
    if (failed(sizes) || price < 0 || slope < 0 || memoryBudget < 0) {
      getOperation().emitError("ftc-recompute: expected a price, a slope and a budget >= 0 and "
                               "spaces as name=size");
      return signalPassFailure();
    }
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!programName(function).empty() && backwardSeed(function))
        runOnProgram(function, *sizes);
  }

  /// The cheapest candidate that is estimated to fit, or the smallest one.
  RecomputeCandidate forBudget(func::FuncOp function, const SpaceSizes &sizes) {
    if (peakBytes(programOrder(function), sizes) <= memoryBudget)
      return {};
    std::vector<RecomputeCandidate> candidates = recomputeCandidates(function, sizes);
    for (const RecomputeCandidate &candidate : candidates)
      if (candidate.liveBytes <= memoryBudget)
        return candidate;
    return candidates.empty() ? RecomputeCandidate() : candidates.back();
  }

  void runOnProgram(func::FuncOp function, const SpaceSizes &sizes) {
    RecomputeCandidate taken{price, slope};
    if (memoryBudget > 0)
      taken = forBudget(function, sizes);
    double live = peakBytes(programOrder(function), sizes);
    double flops = flopsOf(function, sizes);
    unsigned count = rematerialize(
        function, RecomputeGraph(function, sizes, taken.slope).at(taken.price).again);
    recomputed += count;
    double after = peakBytes(programOrder(function), sizes);
    std::string text =
        (llvm::Twine(count) + " values of @" + function.getName() +
         " made again in the backward: about " + llvm::Twine(static_cast<std::int64_t>(live)) +
         " -> " + llvm::Twine(static_cast<std::int64_t>(after)) + " live bytes for " +
         percentMore(flops, flopsOf(function, sizes)) + " % more FLOPs")
            .str();
    auto options = remark::RemarkOpts::name("recompute")
                       .category("ftc-recompute")
                       .function(function.getName());
    if (memoryBudget > 0 && after > memoryBudget)
      remark::missed(function.getLoc(), options) << text + ", above the budget";
    else
      remark::passed(function.getLoc(), options) << text;
  }
};

} // namespace
} // namespace ftc
