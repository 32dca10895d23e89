// Makes activations and normalized rows again in the backward, where that saves memory for
// little arithmetic.
#include "compiler/passes/Passes.h"

#include "compiler/analysis/FusedTail.h"
#include "compiler/analysis/Liveness.h"
#include "compiler/analysis/Recomputation.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/TypeSwitch.h"

#include <optional>

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_CHOOSESAVED
#include "compiler/passes/Passes.h.inc"

namespace {

/// A forward result that the backward reads, and that one cheap op makes again from values
/// that live as long anyway.
struct Candidate {
  Value result;
  SmallVector<Operation *> readers; ///< in the backward, in order
};

/// What an op's result is made from again; none where that is not cheap: the value before a
/// fused activation or normalization, rows that are normalized, gate and up of a gated product.
SmallVector<Value> sourcesOf(Operation *op) {
  if (std::optional<FusedTail> tail = tailOf(op))
    return {tail->from};
  return llvm::TypeSwitch<Operation *, SmallVector<Value>>(op)
      .Case<nn::LayerNormOp, nn::RmsNormOp>(
          [](auto norm) { return SmallVector<Value>{norm.getX()}; })
      .Case(
          [](nn::GatedOp gated) { return SmallVector<Value>{gated.getGate(), gated.getUp()}; })
      .Default(SmallVector<Value>());
}

struct ChooseSavedPass : impl::ChooseSavedBase<ChooseSavedPass> {
  using ChooseSavedBase::ChooseSavedBase;

  void runOnOperation() override {
    FailureOr<SpaceSizes> sizes =
        readSpaceSizes(SmallVector<std::string>(spaces.begin(), spaces.end()));
    if (failed(sizes)) {
      getOperation().emitError("ftc-choose-saved: expected spaces as name=size");
      return signalPassFailure();
    }
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!programName(function).empty())
        runOnProgram(function, *sizes);
  }

  /// Whether an op at or behind `place` reads `value`, or it is an argument: then nothing lives
  /// longer when it is read at `place`.
  static bool livesUntil(Value value, Operation *place) {
    return isa<BlockArgument>(value) || llvm::any_of(value.getUsers(), [&](Operation *user) {
             return user == place || place->isBeforeInBlock(user);
           });
  }

  static SmallVector<Candidate> candidates(func::FuncOp function) {
    SmallVector<Candidate> list;
    Operation *seed = backwardSeed(function);
    if (!seed)
      return list;
    for (Operation &op : function.front()) {
      if (!op.isBeforeInBlock(seed))
        break;
      SmallVector<Value> sources = sourcesOf(&op);
      if (sources.empty())
        continue;
      std::optional<FusedTail> tail = tailOf(&op);
      Value result = tail ? tail->results.front() : op.getResult(0);
      Candidate candidate{result, {}};
      for (Operation *user : result.getUsers())
        if (!isa<func::ReturnOp>(user) && seed->isBeforeInBlock(user) &&
            !llvm::is_contained(candidate.readers, user))
          candidate.readers.push_back(user);
      if (candidate.readers.empty())
        continue;
      llvm::sort(candidate.readers,
                 [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
      Operation *first = candidate.readers.front();
      if (!llvm::all_of(sources, [first](Value source) { return livesUntil(source, first); }))
        continue;
      list.push_back(std::move(candidate));
    }
    return list;
  }

  static void recompute(Candidate &candidate) {
    OpBuilder builder(candidate.readers.front());
    Operation *op = candidate.result.getDefiningOp();
    std::optional<FusedTail> tail = tailOf(op);
    Value again =
        (tail ? createTail(builder, op, tail->from) : builder.clone(*op))->getResult(0);
    for (Operation *reader : candidate.readers)
      reader->replaceUsesOfWith(candidate.result, again);
  }

  void runOnProgram(func::FuncOp function, const SpaceSizes &sizes) {
    SmallVector<Candidate> chosen = candidates(function);
    if (chosen.empty())
      return;
    double before = peakBytes(programOrder(function), sizes);
    double flops = flopsOf(function, sizes);
    for (Candidate &candidate : chosen)
      recompute(candidate);
    recomputed += chosen.size();
    double after = peakBytes(programOrder(function), sizes);
    remark::passed(function.getLoc(), remark::RemarkOpts::name("recompute")
                                          .category("ftc-choose-saved")
                                          .function(function.getName()))
        << (llvm::Twine(chosen.size()) + " results of @" + function.getName() +
            " recomputed in the backward: about " +
            llvm::Twine(static_cast<std::int64_t>(before)) + " -> " +
            llvm::Twine(static_cast<std::int64_t>(after)) + " live bytes for " +
            percentMore(flops, flopsOf(function, sizes)) + " % more FLOPs")
               .str();
  }
};

} // namespace
} // namespace ftc
