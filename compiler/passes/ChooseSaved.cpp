// Recomputes activation outputs in the backward where that saves memory for little arithmetic.
#include "compiler/passes/Passes.h"

#include "compiler/analysis/Liveness.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_CHOOSESAVED
#include "compiler/passes/Passes.h.inc"

namespace {

/// A fused activation whose output only the backward still needs, behind the loss.
struct Candidate {
  nn::LinearOp linear;
  SmallVector<Operation *> readers; ///< in the backward, in order
  double bytesPerFlop;
  std::size_t index; ///< order in the program, for ties
};

struct ChooseSavedPass : impl::ChooseSavedBase<ChooseSavedPass> {
  using ChooseSavedBase::ChooseSavedBase;

  void runOnOperation() override {
    FailureOr<SpaceSizes> sizes =
        readSpaceSizes(SmallVector<std::string>(spaces.begin(), spaces.end()));
    if (failed(sizes) || (policy != "none" && policy != "cheap") || memoryBudget < 0) {
      getOperation().emitError("ftc-choose-saved: expected policy none or cheap, a budget >= 0 "
                               "and spaces as name=size");
      return signalPassFailure();
    }
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!programName(function).empty())
        runOnProgram(function, *sizes);
  }

  static SmallVector<Candidate> candidates(func::FuncOp function, const SpaceSizes &sizes) {
    SmallVector<Candidate> list;
    auto seeds = function.front().getOps<nn::LossSeedOp>();
    if (seeds.empty())
      return list;
    Operation *seed = *seeds.begin();
    for (auto linear : function.front().getOps<nn::LinearOp>()) {
      if (!linear.getPre() || linear.getActivation() == nn::Activation::None)
        continue;
      Candidate candidate{linear, {}, 0, list.size()};
      for (Operation *user : linear.getY().getUsers())
        if (!isa<func::ReturnOp>(user) && seed->isBeforeInBlock(user))
          candidate.readers.push_back(user);
      if (candidate.readers.empty())
        continue;
      llvm::sort(candidate.readers,
                 [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
      double bytes = nn::bytesOf(linear.getY().getType(), sizes);
      double flops = 20 * nn::elementsOf(linear.getY().getType(), sizes);
      if (linear.getActivation() == nn::Activation::Relu)
        flops /= 20;
      candidate.bytesPerFlop = bytes / flops;
      list.push_back(candidate);
    }
    llvm::sort(list, [](const Candidate &a, const Candidate &b) {
      return a.bytesPerFlop != b.bytesPerFlop ? a.bytesPerFlop > b.bytesPerFlop
                                              : a.index < b.index;
    });
    return list;
  }

  static void recompute(Candidate &candidate) {
    OpBuilder builder(candidate.readers.front());
    nn::LinearOp linear = candidate.linear;
    Value again = nn::ActivationOp::create(builder, linear.getLoc(), linear.getY().getType(),
                                           linear.getPre(), linear.getActivation());
    for (Operation *reader : candidate.readers)
      reader->replaceUsesOfWith(linear.getY(), again);
  }

  void runOnProgram(func::FuncOp function, const SpaceSizes &sizes) {
    if (policy == "none" && memoryBudget == 0)
      return;
    unsigned count = 0;
    double before = peakBytes(programOrder(function), sizes);
    for (Candidate &candidate : candidates(function, sizes)) {
      double peak = peakBytes(programOrder(function), sizes);
      if (policy == "none" && peak <= static_cast<double>(memoryBudget))
        break;
      recompute(candidate);
      ++count;
    }
    recomputed += count;
    double after = peakBytes(programOrder(function), sizes);
    auto text = (llvm::Twine(count) + " results of @" + function.getName() +
                 " recomputed in the backward: about " +
                 llvm::Twine(static_cast<std::int64_t>(before)) + " -> " +
                 llvm::Twine(static_cast<std::int64_t>(after)) + " live bytes")
                    .str();
    auto options = remark::RemarkOpts::name("recompute")
                       .category("ftc-choose-saved")
                       .function(function.getName());
    if (policy == "none" && after > static_cast<double>(memoryBudget))
      remark::missed(function.getLoc(), options) << text + ", above the budget";
    else
      remark::passed(function.getLoc(), options) << text;
  }
};

} // namespace
} // namespace ftc
