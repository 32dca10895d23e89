// low_rank_linear and low_rank_dgrad: the linear kernel with its second, narrow product.
#include "compiler/targets/cpu/lowering/LinearLaunch.h"

using namespace mlir;

namespace ftc::cpu {

static std::int64_t dimension(Value matrix, unsigned index) {
  return cast<RankedTensorType>(matrix.getType()).getDimSize(index);
}

static LogicalResult lowerForward(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::LowRankLinearOp>(operation);
  auto kernel = std::make_shared<Linear>();
  kernel->in = dimension(op.getWeight(), 1);
  kernel->out = dimension(op.getWeight(), 0);
  kernel->rank = dimension(op.getFactor(), 1);
  Operand weight = productWeight(op.getX(), op.getWeight(), *kernel, program, op);
  return launchProduct(
      op, kernel,
      {program.read(op.getX()), weight, program.read(op.getU()), program.read(op.getFactor())},
      program);
}

static LogicalResult lowerBackward(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::LowRankDgradOp>(operation);
  if (failed(checkDgrad(op)))
    return failure();
  auto kernel = std::make_shared<Linear>();
  kernel->pairs = program.pairs(op.getDy());
  BufferId weight = packTransposed(op.getWeight(), kernel->pairs, program, op);
  BufferId factor = packTransposed(op.getFactor(), /*pairs=*/false, program, op);
  kernel->in = dimension(op.getWeight(), 0);
  kernel->out = dimension(op.getWeight(), 1);
  kernel->rank = dimension(op.getFactor(), 0);
  return launchDgrad(op, kernel,
                     {program.read(op.getDy()),
                      {weight, plan::Access::Read},
                      program.read(op.getDu()),
                      {factor, plan::Access::Read}},
                     program);
}

void addLowRankLowerings(LoweringRegistry &registry) {
  registry[nn::LowRankLinearOp::getOperationName()] = lowerForward;
  registry[nn::LowRankDgradOp::getOperationName()] = lowerBackward;
}

} // namespace ftc::cpu
