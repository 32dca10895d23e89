// linear, linear_dgrad and linear_wgrad on packed weight panels.
#include "compiler/targets/cpu/lowering/LinearLaunch.h"

using namespace mlir;

namespace ftc::cpu {

static std::int64_t width(Value value) {
  return cast<RankedTensorType>(value.getType()).getDimSize(1);
}
static std::int64_t height(Value value) {
  return cast<RankedTensorType>(value.getType()).getDimSize(0);
}

Operand productWeight(Value x, Value weight, Linear &kernel, CpuProgram &program,
                      Operation *op) {
  kernel.weightType = program.storedType(weight);
  kernel.pairs = program.pairs(x);
  if (!kernel.pairs)
    return program.read(weight);
  auto pack = std::make_shared<PackPairs>();
  pack->in = kernel.in;
  pack->out = kernel.out;
  pack->weightType = kernel.weightType;
  BufferId words =
      program.planner.temporary(IntegerType::get(op->getContext(), 32),
                                program.constant(pairWords(pack->in, pack->out, program.isa)));
  program.launch(pack, {program.read(weight), {words, plan::Access::Write}}, {}, {}, op,
                 ".pack");
  return {words, plan::Access::Read};
}

static LogicalResult lowerLinear(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::LinearOp>(operation);
  auto kernel = std::make_shared<Linear>();
  kernel->in = width(op.getX());
  kernel->out = height(op.getWeight());
  Operand weight = productWeight(op.getX(), op.getWeight(), *kernel, program, op);
  return launchProduct(op, kernel, {program.read(op.getX()), weight}, program);
}

/// The transposed panels are made anew for each launch: a pass over the weight, small beside
/// the product, and the weight needs no second home.
BufferId packTransposed(Value weight, bool pairs, CpuProgram &program, Operation *op) {
  auto pack = std::make_shared<PackTransposed>();
  pack->in = width(weight);
  pack->out = height(weight);
  pack->weightType = program.storedType(weight);
  pack->pairs = pairs;
  Type element = pairs ? IntegerType::get(op->getContext(), 32)
                       : cast<RankedTensorType>(weight.getType()).getElementType();
  std::int64_t elements = pairs ? pairWords(pack->out, pack->in, program.isa)
                                : packedElements(pack->out, pack->in, program.isa);
  BufferId transposed = program.planner.temporary(element, program.constant(elements));
  program.launch(pack, {program.read(weight), {transposed, plan::Access::Write}}, {}, {}, op,
                 ".pack");
  return transposed;
}

static LogicalResult lowerDgrad(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::LinearDgradOp>(operation);
  if (failed(checkDgrad(op)))
    return failure();
  auto kernel = std::make_shared<Linear>();
  kernel->pairs = program.pairs(op.getDy());
  BufferId transposed = packTransposed(op.getWeight(), kernel->pairs, program, op);
  kernel->in = height(op.getWeight());
  kernel->out = width(op.getWeight());
  return launchDgrad(op, kernel,
                     {program.read(op.getDy()), {transposed, plan::Access::Read}}, program);
}

static LogicalResult lowerWgrad(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::LinearWgradOp>(operation);
  auto kernel = std::make_shared<LinearWeightGrad>();
  kernel->in = width(op.getX());
  kernel->out = width(op.getDy());
  kernel->bias = op.getDbias() != nullptr;
  kernel->pairs = program.pairs(op.getX());
  if (!program.planner.isBound(op.getDweight()))
    program.planner.bind(
        op.getDweight(),
        program.planner.temporary(
            cast<RankedTensorType>(op.getDweight().getType()).getElementType(),
            program.constant(packedElements(kernel->in, kernel->out, program.isa))));
  AffineExpr accumulate = program.accumulateFlag(op.getDweight());
  if (op.getDbias() && program.accumulateFlag(op.getDbias()) != accumulate)
    return op.emitOpError("expected weight and bias gradients to be accumulated alike");
  std::vector<Operand> operands{program.read(op.getX()), program.read(op.getDy()),
                                program.gradient(op.getDweight())};
  if (op.getDbias())
    operands.push_back(program.gradient(op.getDbias()));
  program.launch(kernel, operands, {program.rows(op.getX()), accumulate}, {}, op);
  return success();
}

void addLinearLowerings(LoweringRegistry &registry) {
  registry[nn::LinearOp::getOperationName()] = lowerLinear;
  registry[nn::LinearDgradOp::getOperationName()] = lowerDgrad;
  registry[nn::LinearWgradOp::getOperationName()] = lowerWgrad;
}

} // namespace ftc::cpu
