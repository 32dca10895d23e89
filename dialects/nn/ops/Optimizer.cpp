// Gradient accumulation, the global norm and optimizer updates: constraints and cost.
#include "dialects/nn/ops/Verify.h"

using namespace mlir;

namespace ftc::nn {

static Cost elementCost(Operation *op, ValueRange values, double flopsEach,
                        const SpaceSizes &sizes) {
  double elements = 0;
  for (Value value : values)
    elements += elementsOf(value.getType(), sizes);
  return {flopsEach * elements, bytesMoved(op, sizes)};
}

Cost AccumulateOp::getCost(const SpaceSizes &sizes) {
  return elementCost(*this, getInto(), 2, sizes);
}

static LogicalResult expectElements(Operation *op, int number, llvm::StringRef name, Type type,
                                    std::int64_t elements) {
  auto tensor = cast<RankedTensorType>(type);
  if (tensor.getRank() == 1 && tensor.getDimSize(0) == elements)
    return success();
  return op->emitOpError() << "C" << number << ": expected " << name << " of [" << elements
                           << "], got " << type;
}

LogicalResult GlobalNormOp::verify() {
  if (getGradients().empty())
    return emitOpError("C1: expected at least one gradient, got none");
  return failure(failed(expectElements(*this, 2, "norm", getNorm().getType(), 1)) ||
                 failed(expectElements(*this, 3, "control", getControl().getType(), 2)));
}

Cost GlobalNormOp::getCost(const SpaceSizes &sizes) {
  return elementCost(*this, getGradients(), 2, sizes);
}

/// C1: as many of `list` as parameters; C2: of the same types.
static LogicalResult expectLike(Operation *op, llvm::StringRef name, TypeRange list,
                                TypeRange params) {
  if (list.size() != params.size())
    return op->emitOpError() << "C1: expected " << params.size() << " " << name
                             << " (one a parameter), got " << list.size();
  for (auto [type, param] : llvm::zip(list, params))
    if (type != param)
      return op->emitOpError() << "C2: expected " << name << " of the parameter's type " << param
                               << ", got " << type;
  return success();
}

LogicalResult AdamWOp::verify() {
  TypeRange params = getParams().getTypes();
  if (params.empty())
    return emitOpError("C3: expected at least one parameter, got none");
  if (failed(expectLike(*this, "gradients", getGradients().getTypes(), params)) ||
      failed(expectLike(*this, "m", getM().getTypes(), params)) ||
      failed(expectLike(*this, "v", getV().getTypes(), params)) ||
      failed(expectLike(*this, "new_params", getNewParams().getTypes(), params)) ||
      failed(expectLike(*this, "new_m", getNewM().getTypes(), params)) ||
      failed(expectLike(*this, "new_v", getNewV().getTypes(), params)))
    return failure();
  return getControl() ? expectElements(*this, 4, "control", getControl().getType(), 2)
                      : success();
}

Cost AdamWOp::getCost(const SpaceSizes &sizes) {
  return elementCost(*this, getParams(), 14, sizes);
}

LogicalResult SgdOp::verify() {
  TypeRange params = getParams().getTypes();
  if (params.empty())
    return emitOpError("C3: expected at least one parameter, got none");
  if (failed(expectLike(*this, "gradients", getGradients().getTypes(), params)) ||
      failed(expectLike(*this, "momentum", getMomentum().getTypes(), params)) ||
      failed(expectLike(*this, "new_params", getNewParams().getTypes(), params)) ||
      failed(expectLike(*this, "new_momentum", getNewMomentum().getTypes(), params)))
    return failure();
  return getControl() ? expectElements(*this, 4, "control", getControl().getType(), 2)
                      : success();
}

Cost SgdOp::getCost(const SpaceSizes &sizes) { return elementCost(*this, getParams(), 6, sizes); }

} // namespace ftc::nn
