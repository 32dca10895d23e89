// activation, gated, their gradients, add and dropout.
#include "compiler/targets/cpu/kernels/Elementwise.h"
#include "compiler/targets/cpu/lowering/CpuLowering.h"

using namespace mlir;

namespace ftc::cpu {

static AffineExpr elements(CpuProgram &program, Value value) {
  return program.planner.elementsOf(value.getType());
}

/// What a kernel stores `result` in. Vector kernels of a CPU, too, could store bf16; its products
/// would not read it.
static Elem storedAs(Value result) {
  return getElementTypeOrSelf(result.getType()).isBF16() ? Elem::BF16 : Elem::F32;
}

static LogicalResult lowerActivation(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::ActivationOp>(operation);
  auto kernel = std::make_shared<ActivationForward>();
  kernel->act = static_cast<Activation>(op.getKind());
  kernel->result = storedAs(op.getY());
  program.launch(kernel, {program.read(op.getX()), program.writeOver(op.getY())},
                 {elements(program, op.getX())}, {}, op);
  return success();
}

static LogicalResult lowerActivationGrad(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::ActivationGradOp>(operation);
  auto kernel = std::make_shared<ActivationGrad>();
  kernel->act = static_cast<Activation>(op.getKind());
  program.launch(
      kernel,
      {program.read(op.getDy()), program.read(op.getX()), program.writeOver(op.getDx())},
      {elements(program, op.getX())}, {}, op);
  return success();
}

static LogicalResult lowerGated(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::GatedOp>(operation);
  auto kernel = std::make_shared<Gated>();
  kernel->act = static_cast<Activation>(op.getKind());
  kernel->result = storedAs(op.getY());
  program.launch(
      kernel,
      {program.read(op.getGate()), program.read(op.getUp()), program.writeOver(op.getY())},
      {elements(program, op.getY())}, {}, op);
  return success();
}

static LogicalResult lowerGatedGrad(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::GatedGradOp>(operation);
  auto kernel = std::make_shared<GatedGrad>();
  kernel->act = static_cast<Activation>(op.getKind());
  program.launch(kernel,
                 {program.read(op.getDy()), program.read(op.getGate()),
                  program.read(op.getUp()), program.write(op.getDgate()),
                  program.write(op.getDup())},
                 {elements(program, op.getDy())}, {}, op);
  return success();
}

/// Two gradients of one linear weight are both packed: so is their sum, padding and all.
static LogicalResult lowerAdd(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::AddOp>(operation);
  if (program.absorbed.contains(op))
    return success();
  AffineExpr stored = program.planner.storedElements(program.planner.buffer(op.getA()));
  if (program.planner.storedElements(program.planner.buffer(op.getB())) != stored)
    return op.emitOpError("expected two operands stored alike");
  if (!program.planner.isBound(op.getY()))
    program.planner.bind(
        op.getY(),
        program.planner.temporary(
            cast<RankedTensorType>(op.getY().getType()).getElementType(), stored));
  program.launch(std::make_shared<Add>(),
                 {program.read(op.getA()), program.read(op.getB()), program.write(op.getY())},
                 {stored}, {}, op);
  return success();
}

static LogicalResult lowerScale(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::ScaleOp>(operation);
  auto kernel = std::make_shared<Scale>();
  kernel->factor = op.getFactor().convertToDouble();
  program.launch(kernel, {program.read(op.getX()), program.writeOver(op.getY())},
                 {elements(program, op.getX())}, {}, op);
  return success();
}

static LogicalResult lowerDropout(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::DropoutOp>(operation);
  auto kernel = std::make_shared<Dropout>();
  kernel->hidden = cast<RankedTensorType>(op.getX().getType()).getDimSize(1);
  program.launch(kernel,
                 {program.read(op.getX()), program.read(op.getSequence()),
                  program.read(op.getPosition()), program.writeOver(op.getY())},
                 {program.rows(op.getX()), program.symbol("seed"), program.symbol("step"),
                  program.constant(op.getOpId())},
                 {op.getRate().str()}, op);
  return success();
}

void addElementwiseLowerings(LoweringRegistry &registry) {
  registry[nn::ActivationOp::getOperationName()] = lowerActivation;
  registry[nn::ActivationGradOp::getOperationName()] = lowerActivationGrad;
  registry[nn::GatedOp::getOperationName()] = lowerGated;
  registry[nn::GatedGradOp::getOperationName()] = lowerGatedGrad;
  registry[nn::AddOp::getOperationName()] = lowerAdd;
  registry[nn::ScaleOp::getOperationName()] = lowerScale;
  registry[nn::DropoutOp::getOperationName()] = lowerDropout;
}

} // namespace ftc::cpu
