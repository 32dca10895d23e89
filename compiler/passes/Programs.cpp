// Copies of @forward, and what is true of all that do not train.
#include "compiler/passes/Programs.h"

using namespace mlir;

namespace ftc {

func::FuncOp cloneProgram(func::FuncOp forward, llvm::StringRef name, bool after) {
  OpBuilder builder(forward);
  if (after)
    builder.setInsertionPointAfter(forward);
  auto program = cast<func::FuncOp>(builder.clone(*forward));
  program.setName(name);
  program->setAttr(nn::kProgram, builder.getStringAttr(name));
  return program;
}

void eraseDead(func::FuncOp program) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(program.front())))
    if (op.use_empty() && !op.hasTrait<OpTrait::IsTerminator>())
      op.erase();
}

bool isRandom(Operation *op) {
  auto attention = dyn_cast<nn::AttentionOp>(op);
  return isa<nn::DropoutOp>(op) || (attention && attention.getRate());
}

void stripDropout(func::FuncOp program) {
  program.walk([](Operation *op) {
    if (auto dropout = dyn_cast<nn::DropoutOp>(op)) {
      dropout.getY().replaceAllUsesWith(dropout.getX());
      dropout.erase();
    } else if (auto attention = dyn_cast<nn::AttentionOp>(op)) {
      attention.removeRateAttr();
    }
  });
}

} // namespace ftc
