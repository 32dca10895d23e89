// target_loss and its gradient; the loss seed is the scalar inverse_denominator.
#include "compiler/targets/cpu/kernels/TargetLoss.h"
#include "compiler/targets/cpu/lowering/CpuLowering.h"

using namespace mlir;

namespace ftc::cpu {

/// The kernel of an op: columns and kind.
template <typename Kernel, typename Op> static std::shared_ptr<Kernel> kernelOf(Op op) {
  auto kernel = std::make_shared<Kernel>();
  kernel->columns = cast<RankedTensorType>(op.getLogits().getType()).getDimSize(1);
  kernel->squared = op.getKind() == nn::TargetLossKind::SquaredError;
  return kernel;
}

static LogicalResult lowerTargetLoss(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::TargetLossOp>(operation);
  program.launch(kernelOf<TargetLoss>(op),
                 {program.read(op.getLogits()), program.read(op.getTargets()),
                  program.write(op.getRowLoss())},
                 {program.rows(op.getLogits())}, {}, op);
  return success();
}

static LogicalResult lowerTargetLossGrad(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::TargetLossGradOp>(operation);
  if (!op.getDrowLoss().getDefiningOp<nn::LossSeedOp>())
    return op.emitOpError("expected the loss seed as gradient of the row losses");
  program.launch(kernelOf<TargetLossGrad>(op),
                 {program.read(op.getLogits()), program.read(op.getTargets()),
                  program.write(op.getDlogits())},
                 {program.rows(op.getLogits())}, {"inverse_denominator"}, op);
  return success();
}

void addTargetLossLowerings(LoweringRegistry &registry) {
  registry[nn::TargetLossOp::getOperationName()] = lowerTargetLoss;
  registry[nn::TargetLossGradOp::getOperationName()] = lowerTargetLossGrad;
}

} // namespace ftc::cpu
