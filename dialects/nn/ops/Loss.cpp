// Losses: constraints, cost and derivative.
#include "dialects/nn/ops/Verify.h"

using namespace mlir;

namespace ftc::nn {

LogicalResult CrossEntropyOp::verify() {
  Named logits{"logits", getLogits().getType()};
  return failure(failed(expectSameRows(*this, 1, {"labels", getLabels().getType()}, logits)) ||
                 failed(expectSameRows(*this, 2, {"row_loss", getRowLoss().getType()}, logits)));
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
                                                 seed));
  return success();
}

LogicalResult CrossEntropyGradOp::verify() {
  Named logits{"logits", getLogits().getType()};
  Type seed = getDrowLoss().getType();
  return failure(failed(expectSameRows(*this, 1, {"labels", getLabels().getType()}, logits)) ||
                 failed(expectSameRows(*this, 2, {"drow_loss", seed}, logits)) ||
                 failed(expectSameType(*this, 3, {"dlogits", getDlogits().getType()}, logits)));
}

Cost CrossEntropyGradOp::getCost(const SpaceSizes &sizes) {
  return {18 * elementsOf(getLogits().getType(), sizes), bytesMoved(*this, sizes)};
}

} // namespace ftc::nn
