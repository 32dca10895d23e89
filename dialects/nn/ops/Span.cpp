// The span loss: constraints, cost and derivative.
#include "dialects/nn/ops/Verify.h"

using namespace mlir;

namespace ftc::nn {

/// C1 to C3: two columns, offsets into their rows, and positions a sequence each.
template <typename Op> static LogicalResult verifySpans(Op op) {
  Named logits{"logits", op.getLogits().getType()};
  Type offsets = op.getOffsets().getType();
  if (failed(expectWidth(op, 1, logits, 2, "start and end")) ||
      failed(expectOffsets(op, 2, {"offsets", offsets}, logits)))
    return failure();
  llvm::StringRef per =
      cast<OffsetsAttr>(cast<RankedTensorType>(offsets).getEncoding()).getPer();
  for (Named positions :
       {Named{"starts", op.getStarts().getType()}, Named{"ends", op.getEnds().getType()}}) {
    SpaceAttr space = spaceOf(positions.type);
    if (!space || space.getName() != per)
      return op.emitOpError("C3: expected ")
             << positions.name << " over the space " << per << ", got " << positions.type;
  }
  return success();
}

LogicalResult SpanLossOp::verify() {
  return failure(failed(verifySpans(*this)) ||
                 failed(expectSameRows(*this, 4, {"row_loss", getRowLoss().getType()},
                                       {"starts", getStarts().getType()})));
}

Cost SpanLossOp::getCost(const SpaceSizes &sizes) {
  return {14 * elementsOf(getLogits().getType(), sizes), bytesMoved(*this, sizes)};
}

LogicalResult SpanLossOp::buildBackward(Backward &backward) {
  if (!backward.isNeeded(getLogits()))
    return success();
  Value seed = backward.gradient(getRowLoss());
  backward.accumulate(getLogits(),
                      SpanLossGradOp::create(backward.builder(), getLoc(),
                                             getLogits().getType(), getLogits(), getOffsets(),
                                             getStarts(), getEnds(), seed));
  return success();
}

LogicalResult SpanLossGradOp::verify() {
  return failure(failed(verifySpans(*this)) ||
                 failed(expectSameRows(*this, 4, {"drow_loss", getDrowLoss().getType()},
                                       {"starts", getStarts().getType()})) ||
                 failed(expectSameType(*this, 5, {"dlogits", getDlogits().getType()},
                                       {"logits", getLogits().getType()})));
}

Cost SpanLossGradOp::getCost(const SpaceSizes &sizes) {
  return {16 * elementsOf(getLogits().getType(), sizes), bytesMoved(*this, sizes)};
}

} // namespace ftc::nn
