// Losses: constraints, cost and derivative.
#include "dialects/nn/ops/Verify.h"

using namespace mlir;

namespace ftc::nn {

/// C`number`: a weight a class.
template <typename Op> static LogicalResult expectClassWeights(Op op, int number) {
  if (!op.getClassWeights())
    return success();
  return expectWidth(op, number, {"class_weights", op.getClassWeights().getType()},
                     widthOf(op.getLogits().getType()), "one a class");
}

LogicalResult CrossEntropyOp::verify() {
  Named logits{"logits", getLogits().getType()};
  return failure(failed(expectSameRows(*this, 1, {"labels", getLabels().getType()}, logits)) ||
                 failed(expectSameRows(*this, 2, {"row_loss", getRowLoss().getType()}, logits)) ||
                 failed(expectClassWeights(*this, 3)));
}

Cost CrossEntropyOp::getCost(const SpaceSizes &sizes) {
  return {16 * elementsOf(getLogits().getType(), sizes), bytesMoved(*this, sizes)};
}

LogicalResult CrossEntropyOp::buildBackward(Backward &backward) {
  if (!backward.isNeeded(getLogits()))
    return success();
  Value seed = backward.gradient(getRowLoss());
  backward.accumulate(getLogits(),
                      CrossEntropyGradOp::create(backward.builder(), getLoc(),
                                                 getLogits().getType(), getLogits(), getLabels(),
                                                 seed, getClassWeights()));
  return success();
}

LogicalResult CrossEntropyGradOp::verify() {
  Named logits{"logits", getLogits().getType()};
  Type seed = getDrowLoss().getType();
  return failure(failed(expectSameRows(*this, 1, {"labels", getLabels().getType()}, logits)) ||
                 failed(expectSameRows(*this, 2, {"drow_loss", seed}, logits)) ||
                 failed(expectSameType(*this, 3, {"dlogits", getDlogits().getType()}, logits)) ||
                 failed(expectClassWeights(*this, 4)));
}

Cost CrossEntropyGradOp::getCost(const SpaceSizes &sizes) {
  return {18 * elementsOf(getLogits().getType(), sizes), bytesMoved(*this, sizes)};
}

} // namespace ftc::nn
