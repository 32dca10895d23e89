// layer_norm, add_layer_norm, rms_norm and their gradients.
#include "compiler/targets/cpu/kernels/LayerNorm.h"
#include "compiler/targets/cpu/kernels/RmsNorm.h"
#include "compiler/targets/cpu/lowering/CpuLowering.h"

using namespace mlir;

namespace ftc::cpu {

static std::int64_t width(Value value) {
  return cast<RankedTensorType>(value.getType()).getDimSize(1);
}

static LogicalResult lowerLayerNorm(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::LayerNormOp>(operation);
  auto kernel = std::make_shared<LayerNorm>();
  kernel->hidden = width(op.getX());
  kernel->eps = op.getEps().convertToDouble();
  kernel->bias = op.getBeta() != nullptr;
  std::vector<Operand> operands{program.read(op.getX()), program.read(op.getGamma())};
  if (op.getBeta())
    operands.push_back(program.read(op.getBeta()));
  for (Value result : op->getResults())
    operands.push_back(program.write(result));
  program.launch(kernel, operands, {program.rows(op.getX())}, {}, op);
  return success();
}

static LogicalResult lowerAddLayerNorm(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::AddLayerNormOp>(operation);
  auto kernel = std::make_shared<LayerNorm>();
  kernel->hidden = width(op.getX());
  kernel->eps = op.getEps().convertToDouble();
  kernel->residual = true;
  kernel->bias = op.getBeta() != nullptr;
  // Without dropout the row arrays are never read: any read operand stands for them.
  Operand sequence = program.read(op.getSequence() ? op.getSequence() : op.getGamma());
  Operand position = program.read(op.getPosition() ? op.getPosition() : op.getGamma());
  std::string rate = op.getRate() ? op.getRate()->str() : "zero";
  std::vector<Operand> operands{program.read(op.getX()), program.read(op.getResidual()),
                                sequence, position, program.read(op.getGamma())};
  if (op.getBeta())
    operands.push_back(program.read(op.getBeta()));
  for (Value result : {op.getSum(), op.getY(), op.getMean(), op.getRstd()})
    operands.push_back(program.write(result));
  program.launch(kernel, operands,
                 {program.rows(op.getX()), program.symbol("seed"), program.symbol("step"),
                  program.constant(op.getOpId().value_or(0))},
                 {rate}, op);
  return success();
}

static LogicalResult lowerLayerNormGrad(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::LayerNormGradOp>(operation);
  std::int64_t hidden = width(op.getX());
  auto kernel = std::make_shared<LayerNormGrad>();
  kernel->hidden = hidden;
  AffineExpr rows = program.rows(op.getX());
  BufferId partial = program.planner.temporary(
      cast<RankedTensorType>(op.getX().getType()).getElementType(),
      rows.ceilDiv(64) * (2 * hidden));
  program.launch(kernel,
                 {program.read(op.getDy()), program.read(op.getX()), program.read(op.getMean()),
                  program.read(op.getRstd()), program.read(op.getGamma()),
                  program.write(op.getDx()), {partial, plan::Access::Write}},
                 {rows}, {}, op);
  bool needsBeta = op.getDbeta() && !op.getDbeta().use_empty();
  if (op.getDgamma().use_empty() && !needsBeta)
    return success();
  AffineExpr accumulate = program.accumulateFlag(op.getDgamma());
  if (op.getDbeta() && program.accumulateFlag(op.getDbeta()) != accumulate)
    return op.emitOpError("expected gamma and beta gradients to be accumulated alike");
  auto finalize = std::make_shared<LayerNormGradFinalize>();
  finalize->hidden = hidden;
  finalize->bias = op.getDbeta() != nullptr;
  std::vector<Operand> operands{{partial, plan::Access::Read}, program.gradient(op.getDgamma())};
  if (op.getDbeta())
    operands.push_back(program.gradient(op.getDbeta()));
  program.launch(finalize, operands, {rows, accumulate}, {}, op, ".finalize");
  return success();
}

static LogicalResult lowerRmsNorm(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::RmsNormOp>(operation);
  auto kernel = std::make_shared<RmsNorm>();
  kernel->hidden = width(op.getX());
  kernel->eps = op.getEps().convertToDouble();
  program.launch(kernel,
                 {program.read(op.getX()), program.read(op.getGamma()),
                  program.write(op.getY()), program.write(op.getRstd())},
                 {program.rows(op.getX())}, {}, op);
  return success();
}

static LogicalResult lowerRmsNormGrad(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::RmsNormGradOp>(operation);
  auto kernel = std::make_shared<RmsNormGrad>();
  kernel->hidden = width(op.getX());
  AffineExpr rows = program.rows(op.getX());
  BufferId partial =
      program.planner.temporary(cast<RankedTensorType>(op.getX().getType()).getElementType(),
                                rows.ceilDiv(64) * kernel->hidden);
  program.launch(kernel,
                 {program.read(op.getDy()),
                  program.read(op.getX()),
                  program.read(op.getRstd()),
                  program.read(op.getGamma()),
                  program.write(op.getDx()),
                  {partial, plan::Access::Write}},
                 {rows}, {}, op);
  if (op.getDgamma().use_empty())
    return success();
  auto finalize = std::make_shared<RmsNormGradFinalize>();
  finalize->hidden = kernel->hidden;
  program.launch(finalize, {{partial, plan::Access::Read}, program.gradient(op.getDgamma())},
                 {rows, program.accumulateFlag(op.getDgamma())}, {}, op, ".finalize");
  return success();
}

void addNormLowerings(LoweringRegistry &registry) {
  registry[nn::LayerNormOp::getOperationName()] = lowerLayerNorm;
  registry[nn::AddLayerNormOp::getOperationName()] = lowerAddLayerNorm;
  registry[nn::LayerNormGradOp::getOperationName()] = lowerLayerNormGrad;
  registry[nn::RmsNormOp::getOperationName()] = lowerRmsNorm;
  registry[nn::RmsNormGradOp::getOperationName()] = lowerRmsNormGrad;
}

} // namespace ftc::cpu
