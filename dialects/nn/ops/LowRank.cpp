// Products with a narrow second one beside them: constraints and cost.
#include "dialects/nn/ops/Verify.h"

using namespace mlir;

namespace ftc::nn {

static std::int64_t heightOf(Value matrix) {
  return cast<RankedTensorType>(matrix.getType()).getDimSize(0);
}

/// Both products, `inner` and `rank` terms an element of `result`.
static Cost productsCost(Operation *op, Value result, std::int64_t inner, std::int64_t rank,
                         const SpaceSizes &sizes) {
  return {2.0 * elementsOf(result.getType(), sizes) * static_cast<double>(inner + rank),
          bytesMoved(op, sizes)};
}

LogicalResult LowRankLinearOp::verify() {
  Type x = getX().getType(), w = getWeight().getType(), u = getU().getType();
  Type factor = getFactor().getType(), y = getY().getType();
  std::int64_t out = heightOf(getWeight());
  if (failed(expectWidth(*this, 1, {"weight", w}, widthOf(x), "width of x")) ||
      failed(expectSameRows(*this, 2, {"y", y}, {"x", x})) ||
      failed(expectWidth(*this, 3, {"y", y}, out, "rows of weight")) ||
      failed(expectSameRows(*this, 4, {"u", u}, {"x", x})) ||
      failed(expectWidth(*this, 5, {"factor", factor}, widthOf(u), "width of u")))
    return failure();
  if (heightOf(getFactor()) != out)
    return emitOpError("C6: expected factor of ")
           << out << " rows (rows of weight), got " << heightOf(getFactor());
  if (getBias() &&
      failed(expectWidth(*this, 7, {"bias", getBias().getType()}, out, "rows of weight")))
    return failure();
  if (getPre() && failed(expectSameType(*this, 8, {"pre", getPre().getType()}, {"y", y})))
    return failure();
  if (getPre() && getActivation() == Activation::None)
    return emitOpError("C9: expected an activation where there is a result pre, got none");
  return success();
}

Cost LowRankLinearOp::getCost(const SpaceSizes &sizes) {
  return productsCost(*this, getY(), widthOf(getX().getType()), widthOf(getU().getType()),
                      sizes);
}

LogicalResult LowRankDgradOp::verify() {
  Type dy = getDy().getType(), w = getWeight().getType(), du = getDu().getType();
  Type factor = getFactor().getType(), dx = getDx().getType();
  if (failed(expectWidth(*this, 1, {"dy", dy}, heightOf(getWeight()), "rows of weight")) ||
      failed(expectSameRows(*this, 2, {"dx", dx}, {"dy", dy})) ||
      failed(expectWidth(*this, 3, {"dx", dx}, widthOf(w), "width of weight")) ||
      failed(expectSameRows(*this, 4, {"du", du}, {"dy", dy})) ||
      failed(expectWidth(*this, 5, {"du", du}, heightOf(getFactor()), "rows of factor")) ||
      failed(expectWidth(*this, 6, {"factor", factor}, widthOf(w), "width of weight")))
    return failure();
  if (getPre() && failed(expectSameType(*this, 7, {"pre", getPre().getType()}, {"dx", dx})))
    return failure();
  if (getAddend() &&
      failed(expectSameType(*this, 8, {"addend", getAddend().getType()}, {"dx", dx})))
    return failure();
  if (static_cast<bool>(getPre()) != (getActivation() != Activation::None))
    return emitOpError("C9: expected pre exactly when there is an activation, got ")
           << (getPre() ? "pre alone" : "an activation alone");
  return success();
}

Cost LowRankDgradOp::getCost(const SpaceSizes &sizes) {
  return productsCost(*this, getDx(), widthOf(getDy().getType()), widthOf(getDu().getType()),
                      sizes);
}

} // namespace ftc::nn
