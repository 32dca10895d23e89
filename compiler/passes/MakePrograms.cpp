// Turns @forward into @evaluate, without dropout, and @train, with the loss alone.
#include "compiler/passes/Passes.h"

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_MAKEPROGRAMS
#include "compiler/passes/Passes.h.inc"

namespace {

struct MakeProgramsPass : impl::MakeProgramsBase<MakeProgramsPass> {
  using MakeProgramsBase::MakeProgramsBase;

  static func::FuncOp cloneAs(func::FuncOp forward, llvm::StringRef name) {
    OpBuilder builder(forward);
    auto program = cast<func::FuncOp>(builder.clone(*forward));
    program.setName(name);
    program->setAttr(nn::kProgram, builder.getStringAttr(name));
    return program;
  }

  static void stripDropout(func::FuncOp program) {
    program.walk([](Operation *op) {
      if (auto dropout = dyn_cast<nn::DropoutOp>(op)) {
        dropout.getY().replaceAllUsesWith(dropout.getX());
        dropout.erase();
      } else if (auto attention = dyn_cast<nn::AttentionOp>(op)) {
        attention.removeRateAttr();
      }
    });
  }

  void runOnOperation() override {
    auto forward = getOperation().lookupSymbol<func::FuncOp>("forward");
    if (!forward) {
      getOperation().emitError("ftc-make-programs: expected a function @forward, got none");
      return signalPassFailure();
    }
    func::FuncOp evaluate = cloneAs(forward, "evaluate");
    stripDropout(evaluate);
    dropUnusedInputs(evaluate);

    bool trains = llvm::any_of(llvm::seq(0u, forward.getNumArguments()), [&](unsigned index) {
      return forward.getArgAttr(index, nn::kTrainable) != nullptr;
    });
    if (trains) {
      func::FuncOp train = cloneAs(forward, "train");
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
