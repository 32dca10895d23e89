// cross_entropy and its gradient; the loss seed is the scalar inverse_denominator.
#include "compiler/targets/cpu/kernels/CrossEntropy.h"
#include "compiler/targets/cpu/lowering/CpuLowering.h"

using namespace mlir;

namespace ftc::cpu {

static LogicalResult lowerCrossEntropy(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::CrossEntropyOp>(operation);
  auto kernel = std::make_shared<CrossEntropy>();
  kernel->classes = cast<RankedTensorType>(op.getLogits().getType()).getDimSize(1);
  kernel->weighted = op.getClassWeights() != nullptr;
  std::vector<Operand> operands{program.read(op.getLogits()), program.read(op.getLabels()),
                                program.write(op.getRowLoss())};
  if (kernel->weighted)
    operands.push_back(program.read(op.getClassWeights()));
  program.launch(kernel, operands, {program.rows(op.getLogits())}, {"label_smoothing"}, op);
  return success();
}

static LogicalResult lowerCrossEntropyGrad(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::CrossEntropyGradOp>(operation);
  if (!op.getDrowLoss().getDefiningOp<nn::LossSeedOp>())
    return op.emitOpError("expected the loss seed as gradient of the row losses");
  auto kernel = std::make_shared<CrossEntropyGrad>();
  kernel->classes = cast<RankedTensorType>(op.getLogits().getType()).getDimSize(1);
  kernel->weighted = op.getClassWeights() != nullptr;
  std::vector<Operand> operands{program.read(op.getLogits()), program.read(op.getLabels()),
                                program.write(op.getDlogits())};
  if (kernel->weighted)
    operands.push_back(program.read(op.getClassWeights()));
  program.launch(kernel, operands, {program.rows(op.getLogits())},
                 {"label_smoothing", "inverse_denominator"}, op);
  return success();
}

void addLossLowerings(LoweringRegistry &registry) {
  registry[nn::CrossEntropyOp::getOperationName()] = lowerCrossEntropy;
  registry[nn::CrossEntropyGradOp::getOperationName()] = lowerCrossEntropyGrad;
  registry[nn::LossSeedOp::getOperationName()] = [](Operation *, CpuProgram &) {
    return success();
  };
}

} // namespace ftc::cpu
