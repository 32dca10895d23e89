// vocabulary_loss: constraints, cost and derivative; vocabulary_logits.
#include "dialects/nn/ops/Verify.h"

using namespace mlir;

namespace ftc::nn {

/// C1: labels and x over the same rows; C2: weight as wide as x; C3: row_loss over x's rows;
/// C7: one bias a row of weight.
template <typename Op> static LogicalResult verifyBias(Op op, int number) {
  Value bias = op.getBias();
  if (!bias)
    return success();
  auto type = cast<RankedTensorType>(bias.getType());
  auto weight = cast<RankedTensorType>(op.getWeight().getType());
  if (type.getDimSize(0) == 1 && type.getDimSize(1) == weight.getDimSize(0))
    return success();
  return op.emitOpError("C") << number << ": expected bias of shape [1, "
                             << weight.getDimSize(0) << "], got " << type;
}

template <typename Op> static LogicalResult verifyShared(Op op) {
  Named x{"x", op.getX().getType()};
  return failure(failed(verifyBias(op, 7)) ||
                 failed(expectSameRows(op, 1, {"labels", op.getLabels().getType()}, x)) ||
                 failed(expectWidth(op, 2, {"weight", op.getWeight().getType()},
                                    widthOf(x.type), "x's width")) ||
                 failed(expectSameRows(op, 3, {"row_loss", op.getRowLoss().getType()}, x)));
}

/// FLOPs of one product with the vocabulary.
template <typename Op> static double productFlops(Op op, const SpaceSizes &sizes) {
  auto weight = cast<RankedTensorType>(op.getWeight().getType());
  return 2 * elementsOf(op.getX().getType(), sizes) * weight.getDimSize(0);
}

LogicalResult VocabularyLossOp::verify() { return verifyShared(*this); }

Cost VocabularyLossOp::getCost(const SpaceSizes &sizes) {
  return {productFlops(*this, sizes), bytesMoved(*this, sizes)};
}

LogicalResult VocabularyLossOp::buildBackward(Backward &backward) {
  if (getBias() && backward.isNeeded(getBias()))
    return emitOpError("cannot be differentiated through its bias, a constant of the model");
  bool weight = backward.isNeeded(getWeight());
  if (!weight && !backward.isNeeded(getX()))
    return success();
  auto grad = VocabularyLossGradOp::create(
      backward.builder(), getLoc(), getRowLoss().getType(), getX().getType(),
      weight ? getWeight().getType() : Type(), getX(), getWeight(), getLabels(),
      backward.gradient(getRowLoss()), getBias());
  if (backward.isNeeded(getX()))
    backward.accumulate(getX(), grad.getDx());
  if (weight)
    backward.accumulate(getWeight(), grad.getDweight());
  return success();
}

LogicalResult VocabularyLogitsOp::verify() {
  Named x{"x", getX().getType()}, logits{"logits", getLogits().getType()};
  std::int64_t vocabulary = cast<RankedTensorType>(getWeight().getType()).getDimSize(0);
  return failure(failed(expectWidth(*this, 1, {"weight", getWeight().getType()},
                                    widthOf(x.type), "x's width")) ||
                 failed(expectSameRows(*this, 2, logits, x)) ||
                 failed(expectWidth(*this, 3, logits, vocabulary, "weight's rows")) ||
                 failed(verifyBias(*this, 4)));
}

Cost VocabularyLogitsOp::getCost(const SpaceSizes &sizes) {
  return {productFlops(*this, sizes), bytesMoved(*this, sizes)};
}

LogicalResult VocabularyLossGradOp::verify() {
  Named x{"x", getX().getType()};
  if (failed(verifyShared(*this)) ||
      failed(expectSameRows(*this, 4, {"drow_loss", getDrowLoss().getType()}, x)) ||
      failed(expectSameType(*this, 5, {"dx", getDx().getType()}, x)))
    return failure();
  if (getDweight())
    return expectSameType(*this, 6, {"dweight", getDweight().getType()},
                          {"weight", getWeight().getType()});
  return success();
}

Cost VocabularyLossGradOp::getCost(const SpaceSizes &sizes) {
  return {(getDweight() ? 3 : 2) * productFlops(*this, sizes), bytesMoved(*this, sizes)};
}

} // namespace ftc::nn
