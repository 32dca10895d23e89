// What linear and low_rank_linear, and their input gradients, launch alike: the two ops differ
// in the factors that come first, not in bias, activation, addend and outputs.
#pragma once

#include "compiler/targets/cpu/kernels/Linear.h"
#include "compiler/targets/cpu/lowering/CpuLowering.h"

namespace ftc::cpu {

/// The weight that a product with the rows of `x` reads: as it is stored, or packed to bf16
/// pairs in a temporary. Says in `kernel`, whose sizes are set, which.
Operand productWeight(mlir::Value x, mlir::Value weight, Linear &kernel, CpuProgram &program,
                      mlir::Operation *op);

/// Launches a forward product. `operands`: x and the factors; bias, y and the saved
/// pre-activation follow. Op: LinearOp or LowRankLinearOp.
template <typename Op>
mlir::LogicalResult launchProduct(Op op, std::shared_ptr<Linear> kernel,
                                  std::vector<Operand> operands, CpuProgram &program) {
  kernel->bias = op.getBias() != nullptr;
  kernel->act = static_cast<Activation>(op.getActivation());
  kernel->savePre = op.getPre() != nullptr;
  if (op.getBias())
    operands.push_back(program.read(op.getBias()));
  operands.push_back(program.write(op.getY()));
  if (op.getPre())
    operands.push_back(program.write(op.getPre()));
  program.launch(kernel, operands, {program.rows(op.getX())}, {}, op);
  return mlir::success();
}

/// Launches an input gradient. `operands`: dy and the transposed factors; the addend or the
/// value before the activation, and dx follow. Op: LinearDgradOp or LowRankDgradOp, with one of
/// the two at most (checkDgrad).
template <typename Op>
mlir::LogicalResult launchDgrad(Op op, std::shared_ptr<Linear> kernel,
                                std::vector<Operand> operands, CpuProgram &program) {
  kernel->add = op.getAddend() != nullptr;
  if (op.getAddend())
    operands.push_back(program.read(op.getAddend()));
  if (op.getPre()) {
    kernel->gradAct = static_cast<Activation>(op.getActivation());
    operands.push_back(program.read(op.getPre()));
  }
  operands.push_back(program.write(op.getDx()));
  program.launch(kernel, operands, {program.rows(op.getDy())}, {}, op);
  return mlir::success();
}

/// The kernel has one place for an addend or a derivative.
template <typename Op> mlir::LogicalResult checkDgrad(Op op) {
  if (op.getPre() && op.getAddend())
    return op.emitOpError("expected an activation derivative or an addend, got both");
  return mlir::success();
}

} // namespace ftc::cpu
