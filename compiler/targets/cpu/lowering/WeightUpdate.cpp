// linear_wgrad_update: the weight gradient's kernel with the update in it.
#include "compiler/passes/Optimizers.h"
#include "compiler/targets/cpu/kernels/Linear.h"
#include "compiler/targets/cpu/lowering/WeightUpdateLaunch.h"

using namespace mlir;

namespace ftc::cpu {

/// The rule's run-time scalars, in the kernel's order; `decay` stands for weight_decay.
static std::vector<std::string> scalarsOf(nn::UpdateRule rule, const std::string &decay) {
  switch (rule) {
  case nn::UpdateRule::AdamW:
    return {"learning_rate", "adam_beta1",       "adam_beta2",      "adam_epsilon",
            decay,           "bias_correction1", "bias_correction2"};
  case nn::UpdateRule::Sgd:
    return {"learning_rate", "sgd_momentum", decay};
  case nn::UpdateRule::Lion:
    return {"learning_rate", "adam_beta1", "adam_beta2", decay};
  }
  llvm_unreachable("an update rule");
}

UpdateRule kernelRule(nn::UpdateRule rule) {
  switch (rule) {
  case nn::UpdateRule::AdamW:
    return UpdateRule::AdamW;
  case nn::UpdateRule::Sgd:
    return UpdateRule::Sgd;
  case nn::UpdateRule::Lion:
    return UpdateRule::Lion;
  }
  llvm_unreachable("an update rule");
}

LogicalResult launchWeightUpdate(nn::LinearWgradUpdateOp op, KernelSpec kernel,
                                 std::vector<Operand> operands, AffineExpr rows,
                                 CpuProgram &program, StringRef suffix) {
  for (Value replaced : op->getOperands())
    for (Operation *reader : replaced.getUsers())
      if (overwrites(op, replaced) && op->isBeforeInBlock(reader))
        return op.emitOpError() << "expected every reader of a replaced value before the "
                                   "update, got "
                                << reader->getName() << " after it";
  for (Value replaced : op->getOperands().drop_front(2))
    operands.push_back(program.update(replaced));
  std::vector<std::string> scalars =
      scalarsOf(op.getRule(), op.getDecay() ? "weight_decay" : "zero");
  if (op.getBias())
    scalars.push_back(op.getBiasDecay() ? "weight_decay" : "zero");
  program.launch(std::move(kernel), operands, {rows}, scalars, op, suffix);
  for (auto [result, replaced] :
       llvm::zip_equal(op->getResults(), op->getOperands().drop_front(2)))
    program.planner.alias(result, replaced);
  return success();
}

static LogicalResult lowerWeightUpdate(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::LinearWgradUpdateOp>(operation);
  auto kernel = std::make_shared<LinearWeightGrad>();
  auto weight = cast<RankedTensorType>(op.getWeight().getType());
  kernel->in = weight.getDimSize(1);
  kernel->out = weight.getDimSize(0);
  kernel->bias = op.getBias() != nullptr;
  kernel->pairs = program.pairs(op.getX());
  kernel->update = kernelRule(op.getRule());
  return launchWeightUpdate(op, kernel, {program.read(op.getX()), program.read(op.getDy())},
                            program.rows(op.getX()), program);
}

void addWeightUpdateLowerings(LoweringRegistry &registry) {
  registry[nn::LinearWgradUpdateOp::getOperationName()] = lowerWeightUpdate;
}

} // namespace ftc::cpu
