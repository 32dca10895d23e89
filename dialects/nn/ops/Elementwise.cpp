// Activations, gated products, sums and dropout: constraints, folds, cost and derivatives.
#include "dialects/nn/ops/Verify.h"

using namespace mlir;

namespace ftc::nn {

static Cost elementwiseCost(Operation *op, double flopsEach, const SpaceSizes &sizes) {
  return {flopsEach * elementsOf(op->getResult(0).getType(), sizes), bytesMoved(op, sizes)};
}

/// Arithmetic of one activation, by what a vectorized polynomial needs.
static double activationFlops(Activation kind) {
  switch (kind) {
  case Activation::None:
    return 0;
  case Activation::Relu:
    return 1;
  case Activation::Gelu:
  case Activation::GeluTanh:
  case Activation::Tanh:
  case Activation::Silu:
    return 20;
  }
  return 0;
}

LogicalResult ActivationOp::verify() {
  return expectStoredLike(*this, 1, {"y", getY().getType()}, {"x", getX().getType()});
}

OpFoldResult ActivationOp::fold(FoldAdaptor) {
  bool same = getKind() == Activation::None && getX().getType() == getY().getType();
  return same ? OpFoldResult(getX()) : OpFoldResult();
}

Cost ActivationOp::getCost(const SpaceSizes &sizes) {
  return elementwiseCost(*this, activationFlops(getKind()), sizes);
}

LogicalResult ActivationOp::buildBackward(Backward &backward) {
  Value dy = backward.gradient(getY());
  backward.accumulate(getX(), ActivationGradOp::create(backward.builder(), getLoc(),
                                                       dy.getType(), dy, getX(), getKind()));
  return success();
}

OpFoldResult ActivationGradOp::fold(FoldAdaptor) {
  return getKind() == Activation::None ? OpFoldResult(getDy()) : OpFoldResult();
}

Cost ActivationGradOp::getCost(const SpaceSizes &sizes) {
  return elementwiseCost(*this, activationFlops(getKind()) + 1, sizes);
}

LogicalResult GatedOp::verify() {
  Named gate{"gate", getGate().getType()};
  return failure(failed(expectSameType(*this, 1, {"up", getUp().getType()}, gate)) ||
                 failed(expectStoredLike(*this, 2, {"y", getY().getType()}, gate)));
}

Cost GatedOp::getCost(const SpaceSizes &sizes) {
  return elementwiseCost(*this, activationFlops(getKind()) + 1, sizes);
}

LogicalResult GatedOp::buildBackward(Backward &backward) {
  Value dy = backward.gradient(getY());
  auto grad = GatedGradOp::create(backward.builder(), getLoc(), dy.getType(), dy.getType(), dy,
                                  getGate(), getUp(), getKind());
  if (backward.isNeeded(getGate()))
    backward.accumulate(getGate(), grad.getDgate());
  if (backward.isNeeded(getUp()))
    backward.accumulate(getUp(), grad.getDup());
  return success();
}

Cost GatedGradOp::getCost(const SpaceSizes &sizes) {
  return elementwiseCost(*this, activationFlops(getKind()) + 4, sizes);
}

Cost AddOp::getCost(const SpaceSizes &sizes) { return elementwiseCost(*this, 1, sizes); }

LogicalResult AddOp::buildBackward(Backward &backward) {
  Value dy = backward.gradient(getY());
  for (Value operand : {getA(), getB()})
    if (backward.isNeeded(operand))
      backward.accumulate(operand, dy);
  return success();
}

OpFoldResult ScaleOp::fold(FoldAdaptor) {
  return getFactor().convertToDouble() == 1 ? OpFoldResult(getX()) : OpFoldResult();
}

Cost ScaleOp::getCost(const SpaceSizes &sizes) { return elementwiseCost(*this, 1, sizes); }

LogicalResult ScaleOp::buildBackward(Backward &backward) {
  Value dy = backward.gradient(getY());
  backward.accumulate(
      getX(), ScaleOp::create(backward.builder(), getLoc(), dy.getType(), dy, getFactorAttr()));
  return success();
}

LogicalResult DropoutOp::verify() {
  Named x{"x", getX().getType()};
  return failure(failed(expectSameType(*this, 1, {"y", getY().getType()}, x)) ||
                 failed(expectSameRows(*this, 2, {"sequence", getSequence().getType()}, x)) ||
                 failed(expectSameRows(*this, 3, {"position", getPosition().getType()}, x)));
}

Cost DropoutOp::getCost(const SpaceSizes &sizes) { return elementwiseCost(*this, 12, sizes); }

LogicalResult DropoutOp::buildBackward(Backward &backward) {
  if (!backward.isNeeded(getX()))
    return success();
  Value dy = backward.gradient(getY());
  backward.accumulate(getX(),
                      DropoutOp::create(backward.builder(), getLoc(), dy.getType(), dy,
                                        getSequence(), getPosition(), getRateAttr(),
                                        getOpIdAttr(), getModuleAttr()));
  return success();
}

} // namespace ftc::nn
