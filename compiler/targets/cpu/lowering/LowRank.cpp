// low_rank_linear and low_rank_dgrad: the linear kernel with its second, narrow product.
#include "compiler/targets/cpu/kernels/Linear.h"
#include "compiler/targets/cpu/lowering/CpuLowering.h"

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
  kernel->weightType = program.storedType(op.getWeight());
  kernel->rank = dimension(op.getFactor(), 1);
  kernel->bias = op.getBias() != nullptr;
  kernel->act = static_cast<Activation>(op.getActivation());
  kernel->savePre = op.getPre() != nullptr;
  std::vector<Operand> operands{program.read(op.getX()), program.read(op.getWeight()),
                                program.read(op.getU()), program.read(op.getFactor())};
  if (op.getBias())
    operands.push_back(program.read(op.getBias()));
  operands.push_back(program.write(op.getY()));
  if (op.getPre())
    operands.push_back(program.write(op.getPre()));
  program.launch(kernel, operands, {program.rows(op.getX())}, {}, op);
  return success();
}

static LogicalResult lowerBackward(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::LowRankDgradOp>(operation);
  if (op.getPre() && op.getAddend())
    return op.emitOpError("expected an activation derivative or an addend, got both");
  BufferId weight = packTransposed(op.getWeight(), program, op);
  BufferId factor = packTransposed(op.getFactor(), program, op);
  auto kernel = std::make_shared<Linear>();
  kernel->in = dimension(op.getWeight(), 0);
  kernel->out = dimension(op.getWeight(), 1);
  kernel->rank = dimension(op.getFactor(), 0);
  kernel->add = op.getAddend() != nullptr;
  if (op.getPre())
    kernel->gradAct = static_cast<Activation>(op.getActivation());
  std::vector<Operand> operands{program.read(op.getDy()),
                                {weight, plan::Access::Read},
                                program.read(op.getDu()),
                                {factor, plan::Access::Read}};
  if (op.getAddend())
    operands.push_back(program.read(op.getAddend()));
  if (op.getPre())
    operands.push_back(program.read(op.getPre()));
  operands.push_back(program.write(op.getDx()));
  program.launch(kernel, operands, {program.rows(op.getDy())}, {}, op);
  return success();
}

void addLowRankLowerings(LoweringRegistry &registry) {
  registry[nn::LowRankLinearOp::getOperationName()] = lowerForward;
  registry[nn::LowRankDgradOp::getOperationName()] = lowerBackward;
}

} // namespace ftc::cpu
