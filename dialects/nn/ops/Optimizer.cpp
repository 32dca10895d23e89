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

namespace {
/// A list of moments with its result, as messages name it.
struct MomentList {
  llvm::StringRef name, newName;
  TypeRange before, after;
};
} // namespace

/// C9: gradients are rows, over a ragged space, of parameters with as many rows as `slots`.
static LogicalResult expectCompact(Operation *op, TypeRange gradients, TypeRange params,
                                   Type slots) {
  if (gradients.size() != params.size())
    return op->emitOpError() << "C1: expected " << params.size()
                             << " gradients (one a parameter), got " << gradients.size();
  std::int64_t rows = cast<RankedTensorType>(slots).getDimSize(0);
  for (auto [type, param] : llvm::zip(gradients, params)) {
    auto gradient = cast<RankedTensorType>(type), table = cast<RankedTensorType>(param);
    if (gradient.getRank() != 2 || !spaceOf(gradient) || table.getRank() != 2 ||
        table.getDimSize(0) != rows || table.getDimSize(1) != gradient.getDimSize(1))
      return op->emitOpError() << "C9: expected a ragged gradient of the width of a parameter of "
                               << rows << " rows, as slots has, got " << type << " and " << param;
  }
  return success();
}

/// C1 to C4 and C9 of every update: `moments` are those of the gradients' own types.
template <typename Op>
static LogicalResult verifyUpdate(Op op, llvm::ArrayRef<MomentList> moments) {
  TypeRange params = op.getParams().getTypes(), gradients = op.getGradients().getTypes();
  if (params.empty())
    return op.emitOpError("C3: expected at least one parameter, got none");
  Value slots;
  if constexpr (requires { op.getSlots(); })
    slots = op.getSlots();
  if (failed(slots ? expectCompact(op, gradients, params, slots.getType())
                   : expectLike(op, "gradients", gradients, params)))
    return failure();
  for (const MomentList &list : moments)
    if (failed(expectLike(op, list.name, list.before, gradients)))
      return failure();
  if (failed(expectLike(op, "new_params", op.getNewParams().getTypes(), params)))
    return failure();
  for (const MomentList &list : moments)
    if (failed(expectLike(op, list.newName, list.after, gradients)))
      return failure();
  return op.getControl() ? expectElements(op, 4, "control", op.getControl().getType(), 2)
                         : success();
}

/// C5: one moment a parameter, of the shape `shapeOf` says; C6: the results have their types.
static LogicalResult
expectMoments(Operation *op, const MomentList &list, TypeRange params,
              llvm::function_ref<llvm::SmallVector<int64_t>(RankedTensorType)> shapeOf) {
  if (list.before.size() != params.size())
    return op->emitOpError() << "C1: expected " << params.size() << " " << list.name
                             << " (one a parameter), got " << list.before.size();
  for (auto [type, param] : llvm::zip(list.before, params)) {
    llvm::SmallVector<int64_t> wanted = shapeOf(cast<RankedTensorType>(param));
    if (cast<RankedTensorType>(type).getShape() == llvm::ArrayRef<int64_t>(wanted))
      continue;
    auto error = op->emitOpError() << "C5: expected " << list.name << " of [";
    llvm::interleaveComma(wanted, error);
    return error << "] for a parameter " << param << ", got " << type;
  }
  if (list.before != list.after)
    return op->emitOpError() << "C6: expected " << list.newName << " of the types of "
                             << list.name;
  return success();
}

LogicalResult AdamWOp::verify() {
  return verifyUpdate(*this, {{"m", "new_m", getM().getTypes(), getNewM().getTypes()},
                              {"v", "new_v", getV().getTypes(), getNewV().getTypes()}});
}

/// FLOPs of an element's update, alone or behind its gradient.
static double updateFlops(UpdateRule rule) {
  return rule == UpdateRule::AdamW ? 14 : rule == UpdateRule::Sgd ? 6 : 9;
}

Cost AdamWOp::getCost(const SpaceSizes &sizes) {
  return elementCost(*this, getParams(), updateFlops(UpdateRule::AdamW), sizes);
}

LogicalResult SgdOp::verify() {
  return verifyUpdate(*this, {{"momentum", "new_momentum", getMomentum().getTypes(),
                               getNewMomentum().getTypes()}});
}

Cost SgdOp::getCost(const SpaceSizes &sizes) {
  return elementCost(*this, getParams(), updateFlops(UpdateRule::Sgd), sizes);
}

LogicalResult LionOp::verify() {
  return verifyUpdate(*this, {{"m", "new_m", getM().getTypes(), getNewM().getTypes()}});
}

Cost LionOp::getCost(const SpaceSizes &sizes) {
  return elementCost(*this, getParams(), updateFlops(UpdateRule::Lion), sizes);
}

LogicalResult AdafactorOp::verify() {
  MomentList v{"v", "new_v", getV().getTypes(), getNewV().getTypes()};
  MomentList column{"v_column", "new_v_column", getVColumn().getTypes(),
                    getNewVColumn().getTypes()};
  TypeRange params = getParams().getTypes();
  if (getVColumn().empty()) {
    for (Type param : params)
      if (cast<RankedTensorType>(param).getRank() > 1)
        return emitOpError("C8: expected vectors where v is not factored, got ") << param;
    return failure(failed(verifyUpdate(*this, {v})) ||
                   (!getNewVColumn().empty() &&
                    failed(emitOpError("C6: expected new_v_column of the types of v_column"))));
  }
  if (failed(verifyUpdate(*this, {})))
    return failure();
  for (Type param : params)
    if (cast<RankedTensorType>(param).getRank() != 2)
      return emitOpError("C7: expected matrices where v is factored (v_column), got ") << param;
  return failure(failed(expectMoments(*this, v, params,
                                      [](RankedTensorType param) {
                                        return llvm::SmallVector<int64_t>{param.getDimSize(0)};
                                      })) ||
                 failed(expectMoments(*this, column, params, [](RankedTensorType param) {
                   return llvm::SmallVector<int64_t>{param.getDimSize(1)};
                 })));
}

Cost AdafactorOp::getCost(const SpaceSizes &sizes) {
  return elementCost(*this, getParams(), 16, sizes);
}

LogicalResult AdamW8bitOp::verify() {
  TypeRange params = getParams().getTypes();
  auto same = [](RankedTensorType param) { return llvm::to_vector(param.getShape()); };
  auto blocks = [](RankedTensorType param) {
    return llvm::SmallVector<int64_t>{(param.getNumElements() + kQuantizedBlock - 1) /
                                      kQuantizedBlock};
  };
  MomentList m{"m", "new_m", getM().getTypes(), getNewM().getTypes()};
  MomentList v{"v", "new_v", getV().getTypes(), getNewV().getTypes()};
  MomentList mAbsmax{"m_absmax", "new_m_absmax", getMAbsmax().getTypes(),
                     getNewMAbsmax().getTypes()};
  MomentList vAbsmax{"v_absmax", "new_v_absmax", getVAbsmax().getTypes(),
                     getNewVAbsmax().getTypes()};
  return failure(failed(verifyUpdate(*this, {})) ||
                 failed(expectMoments(*this, m, params, same)) ||
                 failed(expectMoments(*this, v, params, same)) ||
                 failed(expectMoments(*this, mAbsmax, params, blocks)) ||
                 failed(expectMoments(*this, vAbsmax, params, blocks)));
}

Cost AdamW8bitOp::getCost(const SpaceSizes &sizes) {
  return elementCost(*this, getParams(), 40, sizes);
}

/// C`number`: as many of `moments` as the rule keeps, of their parameter's type.
static LogicalResult expectMomentsOf(LinearWgradUpdateOp op, int number, llvm::StringRef name,
                                     TypeRange moments, Type parameter) {
  std::size_t wanted = !parameter ? 0 : op.getRule() == UpdateRule::AdamW ? 2 : 1;
  if (moments.size() != wanted)
    return op.emitOpError() << "C" << number << ": expected " << wanted << " " << name
                            << " of rule " << stringifyUpdateRule(op.getRule()) << ", got "
                            << moments.size();
  for (Type type : moments)
    if (failed(expectSameType(op, number, {name, type}, {"their parameter", parameter})))
      return failure();
  return success();
}

LogicalResult LinearWgradUpdateOp::verify() {
  Type dy = getDy().getType(), x = getX().getType(), weight = getWeight().getType();
  Type bias = getBias() ? getBias().getType() : Type();
  std::int64_t rows = cast<RankedTensorType>(weight).getDimSize(0);
  if (failed(expectSameRows(*this, 1, {"x", x}, {"dy", dy})) ||
      failed(expectWidth(*this, 2, {"weight", weight}, widthOf(x), "width of x")))
    return failure();
  if (rows != widthOf(dy))
    return emitOpError("C3: expected weight of ")
           << widthOf(dy) << " rows (width of dy), got " << rows;
  if (bias && failed(expectWidth(*this, 4, {"bias", bias}, widthOf(dy), "width of dy")))
    return failure();
  if (failed(expectMomentsOf(*this, 5, "moments", getMoments().getTypes(), weight)) ||
      failed(expectMomentsOf(*this, 6, "bias_moments", getBiasMoments().getTypes(), bias)))
    return failure();
  if (TypeRange(getResultTypes()) == TypeRange(getOperation()->getOperands()).drop_front(2))
    return success();
  return emitOpError("C7: expected a result of the type of each operand from weight on, got ")
         << getResultTypes();
}

Cost LinearWgradUpdateOp::getCost(const SpaceSizes &sizes) {
  Type x = getX().getType();
  double rows = elementsOf(x, sizes) / static_cast<double>(widthOf(x));
  return {(2 * rows + updateFlops(getRule())) * elementsOf(getWeight().getType(), sizes), bytesMoved(*this, sizes)};
}

} // namespace ftc::nn
