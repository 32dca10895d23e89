// Neighbouring rows side by side: constraints, cost and derivative.
#include "dialects/nn/ops/Verify.h"

using namespace mlir;

namespace ftc::nn {

/// C1-C4: offsets into the rows, an odd size, and `size` columns for each of `narrow`.
static LogicalResult verifyUnfolded(Operation *op, Named narrow, Named wide, Value offsets,
                                    std::uint32_t size) {
  auto taps = static_cast<std::int32_t>(size);
  if (failed(expectOffsets(op, 1, {"offsets", offsets.getType()}, narrow)) ||
      failed(expectSameRows(op, 2, wide, narrow)))
    return failure();
  if (taps < 1 || taps % 2 == 0)
    return op->emitOpError("C3: expected an odd size, got ") << taps;
  return expectWidth(op, 4, wide, widthOf(narrow.type) * taps,
                     "size * width of " + narrow.name);
}

LogicalResult UnfoldOp::verify() {
  return verifyUnfolded(*this, {"x", getX().getType()}, {"y", getY().getType()}, getOffsets(),
                        getSize());
}

Cost UnfoldOp::getCost(const SpaceSizes &sizes) { return {0, bytesMoved(*this, sizes)}; }

LogicalResult UnfoldOp::buildBackward(Backward &backward) {
  Value dy = backward.gradient(getY());
  if (backward.isNeeded(getX()))
    backward.accumulate(getX(), FoldOp::create(backward.builder(), getLoc(), getX().getType(),
                                               dy, getOffsets(), getSizeAttr()));
  return success();
}

LogicalResult FoldOp::verify() {
  return verifyUnfolded(*this, {"dx", getDx().getType()}, {"dy", getDy().getType()},
                        getOffsets(), getSize());
}

Cost FoldOp::getCost(const SpaceSizes &sizes) {
  return {elementsOf(getDy().getType(), sizes), bytesMoved(*this, sizes)};
}

} // namespace ftc::nn
