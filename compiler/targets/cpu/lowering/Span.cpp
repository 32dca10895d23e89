// span_loss and its gradient; the loss seed is the scalar inverse_denominator.
#include "compiler/targets/cpu/kernels/Span.h"
#include "compiler/targets/cpu/lowering/CpuLowering.h"

using namespace mlir;

namespace ftc::cpu {

static LogicalResult lowerSpanLoss(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::SpanLossOp>(operation);
  program.launch(std::make_shared<SpanLoss>(),
                 {program.read(op.getLogits()), program.read(op.getOffsets()),
                  program.read(op.getStarts()), program.read(op.getEnds()),
                  program.write(op.getRowLoss())},
                 {program.rows(op.getStarts())}, {}, op);
  return success();
}

static LogicalResult lowerSpanLossGrad(Operation *operation, CpuProgram &program) {
  auto op = cast<nn::SpanLossGradOp>(operation);
  if (!op.getDrowLoss().getDefiningOp<nn::LossSeedOp>())
    return op.emitOpError("expected the loss seed as gradient of the row losses");
  program.launch(std::make_shared<SpanLossGrad>(),
                 {program.read(op.getLogits()), program.read(op.getOffsets()),
                  program.read(op.getStarts()), program.read(op.getEnds()),
                  program.write(op.getDlogits())},
                 {program.rows(op.getStarts())}, {"inverse_denominator"}, op);
  return success();
}

void addSpanLowerings(LoweringRegistry &registry) {
  registry[nn::SpanLossOp::getOperationName()] = lowerSpanLoss;
  registry[nn::SpanLossGradOp::getOperationName()] = lowerSpanLossGrad;
}

} // namespace ftc::cpu
