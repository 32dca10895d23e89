// Linear layers: constraints, cost and derivative.
#include "dialects/nn/ops/Verify.h"

using namespace mlir;

namespace ftc::nn {

static Cost matmulCost(Operation *op, Type rows, std::int64_t inner, const SpaceSizes &sizes) {
  return {2.0 * elementsOf(rows, sizes) * static_cast<double>(inner), bytesMoved(op, sizes)};
}

LogicalResult LinearOp::verify() {
  Type x = getX().getType(), w = getWeight().getType(), y = getY().getType();
  std::int64_t out = cast<RankedTensorType>(w).getDimSize(0);
  if (failed(expectWidth(*this, 1, {"weight", w}, widthOf(x), "width of x")) ||
      failed(expectSameRows(*this, 2, {"y", y}, {"x", x})) ||
      failed(expectWidth(*this, 3, {"y", y}, out, "rows of weight")))
    return failure();
  if (getBias() && failed(expectWidth(*this, 4, {"bias", getBias().getType()}, out,
                                      "rows of weight")))
    return failure();
  if (getPre() && failed(expectStoredLike(*this, 5, {"y", y}, {"pre", getPre().getType()})))
    return failure();
  if (getPre() && getActivation() == Activation::None)
    return emitOpError("C6: expected an activation where there is a result pre, got none");
  return success();
}

Cost LinearOp::getCost(const SpaceSizes &sizes) {
  return matmulCost(*this, getY().getType(), widthOf(getX().getType()), sizes);
}

LogicalResult LinearOp::buildBackward(Backward &backward) {
  Value dy = backward.gradient(getY());
  OpBuilder &builder = backward.builder();
  if (getActivation() != Activation::None) {
    if (!getPre())
      return emitOpError("cannot be differentiated: its activation is fused and the value "
                         "before it is not a result");
    dy = ActivationGradOp::create(builder, getLoc(), dy.getType(), dy, getPre(),
                                  getActivation());
  }
  bool needsBias = getBias() && backward.isNeeded(getBias());
  if (backward.isNeeded(getWeight()) || needsBias) {
    auto wgrad = LinearWgradOp::create(builder, getLoc(), getWeight().getType(),
                                       needsBias ? getBias().getType() : Type(), dy, getX());
    if (backward.isNeeded(getWeight()))
      backward.accumulate(getWeight(), wgrad.getDweight());
    if (needsBias)
      backward.accumulate(getBias(), wgrad.getDbias());
  }
  if (backward.isNeeded(getX()))
    backward.accumulate(getX(), LinearDgradOp::create(builder, getLoc(), getX().getType(), dy,
                                                      getWeight(), Value(), Value(),
                                                      Activation::None));
  return success();
}

LogicalResult LinearDgradOp::verify() {
  Type dy = getDy().getType(), w = getWeight().getType(), dx = getDx().getType();
  if (failed(expectWidth(*this, 1, {"dy", dy}, cast<RankedTensorType>(w).getDimSize(0),
                         "rows of weight")) ||
      failed(expectSameRows(*this, 2, {"dx", dx}, {"dy", dy})) ||
      failed(expectWidth(*this, 3, {"dx", dx}, widthOf(w), "width of weight")))
    return failure();
  if (getPre() && failed(expectSameType(*this, 4, {"pre", getPre().getType()}, {"dx", dx})))
    return failure();
  if (getAddend() &&
      failed(expectSameType(*this, 5, {"addend", getAddend().getType()}, {"dx", dx})))
    return failure();
  if (static_cast<bool>(getPre()) != (getActivation() != Activation::None))
    return emitOpError("C6: expected pre exactly when there is an activation, got ")
           << (getPre() ? "pre alone" : "an activation alone");
  return success();
}

Cost LinearDgradOp::getCost(const SpaceSizes &sizes) {
  return matmulCost(*this, getDx().getType(), widthOf(getDy().getType()), sizes);
}

LogicalResult LinearWgradOp::verify() {
  Type dy = getDy().getType(), x = getX().getType(), dw = getDweight().getType();
  std::int64_t out = widthOf(dy);
  if (failed(expectSameRows(*this, 1, {"x", x}, {"dy", dy})) ||
      failed(expectWidth(*this, 2, {"dweight", dw}, widthOf(x), "width of x")))
    return failure();
  std::int64_t rows = cast<RankedTensorType>(dw).getDimSize(0);
  if (rows != out)
    return emitOpError("C3: expected dweight of ") << out << " rows (width of dy), got " << rows;
  if (getDbias() &&
      failed(expectWidth(*this, 4, {"dbias", getDbias().getType()}, out, "width of dy")))
    return failure();
  return success();
}

Cost LinearWgradOp::getCost(const SpaceSizes &sizes) {
  return matmulCost(*this, getX().getType(), widthOf(getDy().getType()), sizes);
}

} // namespace ftc::nn
