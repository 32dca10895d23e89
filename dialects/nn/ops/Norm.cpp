// Layer and RMS normalization: constraints, cost and derivatives.
#include "dialects/nn/ops/Verify.h"

using namespace mlir;

namespace ftc::nn {

static Cost normCost(Operation *op, Value rows, double flopsEach, const SpaceSizes &sizes) {
  return {flopsEach * elementsOf(rows.getType(), sizes), bytesMoved(op, sizes)};
}

/// C1-C6: y like x, gamma and beta of its width, mean and rstd one a row.
static LogicalResult verifyNorm(Operation *op, Named x, Type y, Type gamma, Value beta,
                                Type mean, Type rstd, double eps) {
  std::int64_t width = widthOf(x.type);
  if (failed(expectSameType(op, 1, {"y", y}, x)) ||
      failed(expectWidth(op, 2, {"gamma", gamma}, width, "width of x")) ||
      (beta && failed(expectWidth(op, 3, {"beta", beta.getType()}, width, "width of x"))) ||
      failed(expectSameRows(op, 4, {"mean", mean}, x)) ||
      failed(expectSameRows(op, 5, {"rstd", rstd}, x)))
    return failure();
  if (!(eps > 0))
    return op->emitOpError("C6: expected eps > 0, got ") << eps;
  return success();
}

LogicalResult LayerNormOp::verify() {
  return verifyNorm(*this, {"x", getX().getType()}, getY().getType(), getGamma().getType(),
                    getBeta(), getMean().getType(), getRstd().getType(),
                    getEps().convertToDouble());
}

Cost LayerNormOp::getCost(const SpaceSizes &sizes) { return normCost(*this, getX(), 8, sizes); }

LogicalResult LayerNormOp::buildBackward(Backward &backward) {
  Value dy = backward.gradient(getY());
  if (!dy || backward.gradient(getMean()) || backward.gradient(getRstd()))
    return emitOpError("cannot be differentiated through its mean and rstd");
  auto grad = LayerNormGradOp::create(
      backward.builder(), getLoc(), getX().getType(), getGamma().getType(),
      getBeta() ? getBeta().getType() : Type(), dy, getX(), getMean(), getRstd(), getGamma());
  if (backward.isNeeded(getX()))
    backward.accumulate(getX(), grad.getDx());
  if (backward.isNeeded(getGamma()))
    backward.accumulate(getGamma(), grad.getDgamma());
  if (getBeta() && backward.isNeeded(getBeta()))
    backward.accumulate(getBeta(), grad.getDbeta());
  return success();
}

LogicalResult AddLayerNormOp::verify() {
  Named x{"x", getX().getType()};
  if (failed(verifyNorm(*this, x, getY().getType(), getGamma().getType(), getBeta(),
                        getMean().getType(), getRstd().getType(),
                        getEps().convertToDouble())) ||
      failed(expectSameType(*this, 7, {"residual", getResidual().getType()}, x)) ||
      failed(expectSameType(*this, 8, {"sum", getSum().getType()}, x)))
    return failure();
  bool drops = getRate().has_value();
  if (drops != static_cast<bool>(getSequence()) || drops != static_cast<bool>(getPosition()) ||
      drops != getOpId().has_value())
    return emitOpError("C9: expected sequence, position and op_id exactly when there is a rate");
  if (!drops)
    return success();
  return failure(failed(expectSameRows(*this, 10, {"sequence", getSequence().getType()}, x)) ||
                 failed(expectSameRows(*this, 11, {"position", getPosition().getType()}, x)));
}

Cost AddLayerNormOp::getCost(const SpaceSizes &sizes) {
  return normCost(*this, getX(), getRate() ? 21 : 9, sizes);
}

LogicalResult LayerNormGradOp::verify() {
  Named x{"x", getX().getType()};
  std::int64_t width = widthOf(x.type);
  return failure(
      failed(expectSameType(*this, 1, {"dy", getDy().getType()}, x)) ||
      failed(expectSameType(*this, 2, {"dx", getDx().getType()}, x)) ||
      failed(expectSameRows(*this, 3, {"mean", getMean().getType()}, x)) ||
      failed(expectSameRows(*this, 4, {"rstd", getRstd().getType()}, x)) ||
      failed(expectWidth(*this, 5, {"gamma", getGamma().getType()}, width, "width of x")) ||
      failed(expectSameType(*this, 6, {"dgamma", getDgamma().getType()},
                            {"gamma", getGamma().getType()})) ||
      (getDbeta() &&
       failed(expectWidth(*this, 7, {"dbeta", getDbeta().getType()}, width, "width of x"))));
}

Cost LayerNormGradOp::getCost(const SpaceSizes &sizes) {
  return normCost(*this, getX(), 14, sizes);
}

LogicalResult RmsNormOp::verify() {
  Named x{"x", getX().getType()};
  if (failed(expectSameType(*this, 1, {"y", getY().getType()}, x)) ||
      failed(expectWidth(*this, 2, {"gamma", getGamma().getType()}, widthOf(x.type),
                         "width of x")) ||
      failed(expectSameRows(*this, 3, {"rstd", getRstd().getType()}, x)))
    return failure();
  if (!(getEps().convertToDouble() > 0))
    return emitOpError("C4: expected eps > 0, got ") << getEps().convertToDouble();
  return success();
}

Cost RmsNormOp::getCost(const SpaceSizes &sizes) { return normCost(*this, getX(), 4, sizes); }

LogicalResult RmsNormOp::buildBackward(Backward &backward) {
  Value dy = backward.gradient(getY());
  if (!dy || backward.gradient(getRstd()))
    return emitOpError("cannot be differentiated through its rstd");
  auto grad = RmsNormGradOp::create(backward.builder(), getLoc(), getX().getType(),
                                    getGamma().getType(), dy, getX(), getRstd(), getGamma());
  if (backward.isNeeded(getX()))
    backward.accumulate(getX(), grad.getDx());
  if (backward.isNeeded(getGamma()))
    backward.accumulate(getGamma(), grad.getDgamma());
  return success();
}

LogicalResult RmsNormGradOp::verify() {
  Named x{"x", getX().getType()};
  return failure(failed(expectSameType(*this, 1, {"dy", getDy().getType()}, x)) ||
                 failed(expectSameType(*this, 2, {"dx", getDx().getType()}, x)) ||
                 failed(expectSameRows(*this, 3, {"rstd", getRstd().getType()}, x)) ||
                 failed(expectWidth(*this, 4, {"gamma", getGamma().getType()}, widthOf(x.type),
                                    "width of x")) ||
                 failed(expectSameType(*this, 5, {"dgamma", getDgamma().getType()},
                                       {"gamma", getGamma().getType()})));
}

Cost RmsNormGradOp::getCost(const SpaceSizes &sizes) {
  return normCost(*this, getX(), 9, sizes);
}

} // namespace ftc::nn
