// Columns of a row: splits, their inverse, rotary positions. Constraints, folds, derivatives.
#include "dialects/nn/ops/Verify.h"

#include <cmath>

using namespace mlir;

namespace ftc::nn {

/// C1-C3: at least one part, all over the rows of `whole`, widths that add up to its own.
static LogicalResult verifyParts(Operation *op, Named whole, ValueRange parts) {
  if (parts.empty())
    return op->emitOpError("C1: expected at least one part, got none");
  std::int64_t sum = 0;
  for (Value part : parts) {
    if (failed(expectSameRows(op, 2, {"a part", part.getType()}, whole)))
      return failure();
    sum += widthOf(part.getType());
  }
  return expectWidth(op, 3, whole, sum, "sum of the parts' widths");
}

LogicalResult SplitColumnsOp::verify() {
  return verifyParts(*this, {"x", getX().getType()}, getParts());
}

LogicalResult SplitColumnsOp::fold(FoldAdaptor, SmallVectorImpl<OpFoldResult> &results) {
  if (getParts().size() == 1 && getParts()[0].getType() == getX().getType()) {
    results.push_back(getX());
    return success();
  }
  auto concat = getX().getDefiningOp<ConcatColumnsOp>();
  if (!concat || concat.getParts().getTypes() != getParts().getTypes())
    return failure();
  results.append(concat.getParts().begin(), concat.getParts().end());
  return success();
}

Cost SplitColumnsOp::getCost(const SpaceSizes &sizes) { return {0, bytesMoved(*this, sizes)}; }

LogicalResult SplitColumnsOp::buildBackward(Backward &backward) {
  if (!backward.isNeeded(getX()))
    return success();
  SmallVector<Value> gradients;
  for (auto [index, part] : llvm::enumerate(getParts())) {
    gradients.push_back(backward.gradient(part));
    if (!gradients.back())
      return emitOpError("cannot be differentiated: expected every part to lead to the loss, "
                         "part ")
             << index << " does not";
  }
  backward.accumulate(getX(), ConcatColumnsOp::create(backward.builder(), getLoc(),
                                                      getX().getType(), gradients));
  return success();
}

LogicalResult ConcatColumnsOp::verify() {
  return verifyParts(*this, {"y", getY().getType()}, getParts());
}

OpFoldResult ConcatColumnsOp::fold(FoldAdaptor) {
  if (getParts().size() == 1)
    return getParts()[0];
  auto split = getParts()[0].getDefiningOp<SplitColumnsOp>();
  if (split && llvm::equal(split.getParts(), getParts()))
    return split.getX();
  return {};
}

Cost ConcatColumnsOp::getCost(const SpaceSizes &sizes) { return {0, bytesMoved(*this, sizes)}; }

LogicalResult ConcatColumnsOp::buildBackward(Backward &backward) {
  Value dy = backward.gradient(getY());
  SmallVector<Type> types(getParts().getTypes());
  auto split = SplitColumnsOp::create(backward.builder(), getLoc(), types, dy);
  for (auto [part, gradient] : llvm::zip_equal(getParts(), split.getParts()))
    if (backward.isNeeded(part))
      backward.accumulate(part, gradient);
  return success();
}

LogicalResult RotaryOp::verify() {
  Named x{"x", getX().getType()};
  if (failed(expectSameType(*this, 1, {"y", getY().getType()}, x)) ||
      failed(expectSameRows(*this, 2, {"position", getPosition().getType()}, x)))
    return failure();
  auto heads = static_cast<std::int64_t>(static_cast<std::int32_t>(getHeads()));
  auto half = static_cast<std::int64_t>(getFrequencies().size());
  if (heads < 1 || half < 1 || heads * 2 * half != widthOf(x.type))
    return emitOpError("C3: expected x of heads * 2 * frequencies columns, got ")
           << widthOf(x.type) << " for " << heads << " heads and " << half << " frequencies";
  for (float frequency : getFrequencies())
    if (!std::isfinite(frequency))
      return emitOpError("C4: expected finite frequencies, got ") << frequency;
  return success();
}

Cost RotaryOp::getCost(const SpaceSizes &sizes) {
  return {3 * elementsOf(getX().getType(), sizes), bytesMoved(*this, sizes)};
}

LogicalResult RotaryOp::buildBackward(Backward &backward) {
  if (!backward.isNeeded(getX()))
    return success();
  Value dy = backward.gradient(getY());
  backward.accumulate(
      getX(), RotaryOp::create(backward.builder(), getLoc(), dy.getType(), dy, getPosition(),
                               getHeadsAttr(), getFrequenciesAttr(), getScaleAttr(),
                               getInverse() ? UnitAttr() : UnitAttr::get(getContext())));
  return success();
}

} // namespace ftc::nn
