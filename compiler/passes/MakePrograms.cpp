// Turns @forward into @evaluate, without dropout, and @train, with the loss alone.
#include "compiler/passes/Passes.h"
#include "compiler/passes/Programs.h"

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_MAKEPROGRAMS
#include "compiler/passes/Passes.h.inc"

namespace {

struct MakeProgramsPass : impl::MakeProgramsBase<MakeProgramsPass> {
  using MakeProgramsBase::MakeProgramsBase;

  void runOnOperation() override {
    auto forward = getOperation().lookupSymbol<func::FuncOp>("forward");
    if (!forward) {
      getOperation().emitError("ftc-make-programs: expected a function @forward, got none");
      return signalPassFailure();
    }
    func::FuncOp evaluate = cloneProgram(forward, "evaluate", /*after=*/false);
    stripDropout(evaluate);
    dropUnusedInputs(evaluate);

    bool trains = llvm::any_of(llvm::seq(0u, forward.getNumArguments()), [&](unsigned index) {
      return forward.getArgAttr(index, nn::kTrainable) != nullptr;
    });
    if (trains) {
      func::FuncOp train = cloneProgram(forward, "train", /*after=*/false);
      SmallVector<ProgramResult> results = programResults(train);
      llvm::erase_if(results,
                     [](const ProgramResult &result) { return result.output != "row_loss"; });
      setProgramResults(train, results);
      dropUnusedInputs(train);
    }
    forward.erase();
  }
};

} // namespace
} // namespace ftc
