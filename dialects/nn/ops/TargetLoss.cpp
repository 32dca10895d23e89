// Losses against targets: constraints, cost and derivative.
#include "dialects/nn/ops/Verify.h"

using namespace mlir;

namespace ftc::nn {

/// C1: targets are as the logits are, a number for each.
template <typename Op> static LogicalResult verifyTargets(Op op) {
  return expectSameType(op, 1, {"targets", op.getTargets().getType()},
                        {"logits", op.getLogits().getType()});
}

LogicalResult TargetLossOp::verify() {
  return failure(failed(verifyTargets(*this)) ||
                 failed(expectSameRows(*this, 2, {"row_loss", getRowLoss().getType()},
                                       {"logits", getLogits().getType()})));
}

Cost TargetLossOp::getCost(const SpaceSizes &sizes) {
  double each = getKind() == TargetLossKind::SquaredError ? 3 : 30;
  return {each * elementsOf(getLogits().getType(), sizes), bytesMoved(*this, sizes)};
}

LogicalResult TargetLossOp::buildBackward(Backward &backward) {
  if (!backward.isNeeded(getLogits()))
    return success();
  backward.accumulate(getLogits(),
                      TargetLossGradOp::create(backward.builder(), getLoc(),
                                               getLogits().getType(), getLogits(), getTargets(),
                                               backward.gradient(getRowLoss()), getKindAttr()));
  return success();
}

LogicalResult TargetLossGradOp::verify() {
  Named logits{"logits", getLogits().getType()};
  return failure(
      failed(verifyTargets(*this)) ||
      failed(expectSameRows(*this, 2, {"drow_loss", getDrowLoss().getType()}, logits)) ||
      failed(expectSameType(*this, 3, {"dlogits", getDlogits().getType()}, logits)));
}

Cost TargetLossGradOp::getCost(const SpaceSizes &sizes) {
  double each = getKind() == TargetLossKind::SquaredError ? 2 : 20;
  return {each * elementsOf(getLogits().getType(), sizes), bytesMoved(*this, sizes)};
}

} // namespace ftc::nn
