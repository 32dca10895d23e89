// unfold, fold and iota.
#include "compiler/targets/cpu/kernels/Convolution.h"
#include "compiler/targets/cpu/lowering/CpuLowering.h"

using namespace mlir;

namespace ftc::cpu {

static LogicalResult lowerUnfolded(Value from, Value offsets, Value to, std::int64_t size,
                                   bool gradient, Operation *op, CpuProgram &program) {
  auto kernel = std::make_shared<Unfold>();
  kernel->hidden = cast<RankedTensorType>((gradient ? to : from).getType()).getDimSize(1);
  kernel->size = size;
  kernel->gradient = gradient;
  AffineExpr sequences = program.rows(offsets) - 1;
  program.launch(kernel, {program.read(from), program.read(offsets), program.write(to)},
                 {sequences}, {}, op);
  return success();
}

static LogicalResult lowerUnfold(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::UnfoldOp>(operation);
  return lowerUnfolded(op.getX(), op.getOffsets(), op.getY(), op.getSize(), false, op, program);
}

static LogicalResult lowerFold(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::FoldOp>(operation);
  return lowerUnfolded(op.getDy(), op.getOffsets(), op.getDx(), op.getSize(), true, op,
                       program);
}

static LogicalResult lowerIota(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::IotaOp>(operation);
  auto kernel = std::make_shared<Iota>();
  kernel->count = cast<RankedTensorType>(op.getY().getType()).getDimSize(0);
  kernel->step = static_cast<std::int32_t>(op.getStep());
  program.launch(kernel, {program.write(op.getY())}, {}, {}, op);
  return success();
}

void addConvolutionLowerings(LoweringRegistry &registry) {
  registry[nn::UnfoldOp::getOperationName()] = lowerUnfold;
  registry[nn::FoldOp::getOperationName()] = lowerFold;
  registry[nn::IotaOp::getOperationName()] = lowerIota;
}

} // namespace ftc::cpu
