// Embeddings and moves of rows between spaces: constraints, cost and derivatives.
#include "dialects/nn/ops/Verify.h"

using namespace mlir;

namespace ftc::nn {

/// C`number`: `padding` is a row of the table.
static LogicalResult expectPadding(Operation *op, int number, std::uint32_t padding,
                                   Type table) {
  std::int64_t rows = cast<RankedTensorType>(table).getDimSize(0);
  if (std::int64_t(padding) < rows)
    return success();
  return op->emitOpError() << "C" << number << ": expected padding among the table's " << rows
                           << " rows, got " << static_cast<std::int32_t>(padding);
}

LogicalResult EmbeddingOp::verify() {
  if (getIds().empty() || getIds().size() > 3 || getIds().size() != getTables().size())
    return emitOpError("C1: expected one to three tables, each with its ids, got ")
           << getTables().size() << " tables and " << getIds().size() << " ids";
  Named y{"y", getY().getType()};
  for (Value ids : getIds())
    if (failed(expectSameRows(*this, 2, {"ids", ids.getType()}, y)))
      return failure();
  for (Value table : getTables())
    if (failed(expectWidth(*this, 3, {"table", table.getType()}, widthOf(y.type), "width of y")))
      return failure();
  if (std::optional<std::uint32_t> row = getPadding())
    return expectPadding(*this, 4, *row, getTables().front().getType());
  return success();
}

Cost EmbeddingOp::getCost(const SpaceSizes &sizes) {
  double elements = elementsOf(getY().getType(), sizes);
  double tables = static_cast<double>(getTables().size());
  return {elements * (tables - 1), (tables + 1) * bytesOf(getY().getType(), sizes)};
}

LogicalResult EmbeddingOp::buildBackward(Backward &backward) {
  Value dy = backward.gradient(getY());
  MLIRContext *context = getContext();
  Type i32 = IntegerType::get(context, 32);
  for (auto [ids, table] : llvm::zip(getIds(), getTables())) {
    if (!backward.isNeeded(table))
      continue;
    std::string name = backward.batchInputName(ids).str();
    if (name.empty())
      return emitOpError("cannot be differentiated: expected ids that are a batch input, whose "
                         "sort the batch carries");
    std::string unique = name + ".unique";
    SpaceAttr space = spaceOf(ids.getType());
    if (!space)
      return emitOpError("cannot be differentiated: expected ids over a ragged space");
    Value order = backward.batchInput(name + ".order", ids.getType());
    Value segments =
        backward.batchInput(name + ".segments", offsetsType(context, unique, space.getName()));
    Value rows = backward.batchInput(name + ".rows", rowsType(context, unique, 0, i32));
    bool first = table == getTables().front();
    backward.accumulate(table, EmbeddingGradOp::create(
                                   backward.builder(), getLoc(), table.getType(), dy, order,
                                   segments, rows, /*slots=*/Value(),
                                   first ? getPaddingAttr() : IntegerAttr()));
  }
  return success();
}

LogicalResult EmbeddingGradOp::verify() {
  Named dy{"dy", getDy().getType()};
  if (failed(expectSameRows(*this, 1, {"order", getOrder().getType()}, dy)) ||
      failed(expectOffsets(*this, 2, {"segments", getSegments().getType()}, dy)) ||
      failed(expectWidth(*this, 3, {"dtable", getDtable().getType()}, widthOf(dy.type),
                         "width of dy")))
    return failure();
  auto segments = cast<OffsetsAttr>(cast<RankedTensorType>(getSegments().getType()).getEncoding());
  SpaceAttr rows = spaceOf(getRows().getType());
  if (!rows || rows.getName() != segments.getPer())
    return emitOpError("C4: expected rows over the space ")
           << segments.getPer() << ", got " << getRows().getType();
  Value table = getDtable();
  if (getSlots()) {
    if (spaceOf(getSlots().getType()) || !spaceOf(table.getType()))
      return emitOpError("C6: expected slots of a static vocabulary and a gradient over a ragged "
                         "space, got ")
             << getSlots().getType() << " and " << table.getType();
    table = getSlots(); // as many as the table has rows
  }
  if (std::optional<std::uint32_t> row = getPadding())
    return expectPadding(*this, 5, *row, table.getType());
  return success();
}

Cost EmbeddingGradOp::getCost(const SpaceSizes &sizes) {
  return {elementsOf(getDy().getType(), sizes), bytesMoved(*this, sizes)};
}

LogicalResult IotaOp::verify() {
  auto type = cast<RankedTensorType>(getY().getType());
  std::int64_t step = static_cast<std::int32_t>(getStep());
  if (type.hasStaticShape() && (step == 0 || type.getDimSize(0) - 1 <= INT32_MAX / std::abs(step)))
    return success();
  return emitOpError("C1: expected a static number of elements, all of which i32 holds, got ")
         << type << " by " << step;
}

/// C`number`: equal but for the rows.
static LogicalResult expectSameRow(Operation *op, int number, Named a, Named b) {
  auto left = cast<RankedTensorType>(a.type), right = cast<RankedTensorType>(b.type);
  if (left.getRank() == right.getRank() && left.getRank() > 0 &&
      left.getElementType() == right.getElementType() &&
      left.getShape().drop_front() == right.getShape().drop_front())
    return success();
  return op->emitOpError() << "C" << number << ": expected rows of " << a.name << " and "
                           << b.name << " to be alike, got " << a.type << " and " << b.type;
}

LogicalResult GatherRowsOp::verify() {
  Named y{"y", getY().getType()};
  return failure(failed(expectSameRow(*this, 1, y, {"x", getX().getType()})) ||
                 failed(expectSameRows(*this, 2, y, {"rows", getRows().getType()})));
}

Cost GatherRowsOp::getCost(const SpaceSizes &sizes) {
  return {0, 2 * bytesOf(getY().getType(), sizes)};
}

LogicalResult GatherRowsOp::buildBackward(Backward &backward) {
  if (!isa<FloatType>(cast<RankedTensorType>(getX().getType()).getElementType()))
    return success();
  Value dy = backward.gradient(getY());
  backward.accumulate(getX(), ScatterRowsOp::create(backward.builder(), getLoc(),
                                                    getX().getType(), dy, getRows()));
  return success();
}

/// C1-C3: offsets of `few`'s space into `many`'s, rows alike.
static LogicalResult verifyMean(Operation *op, Named many, Named few, Value offsets) {
  if (failed(expectOffsets(op, 1, {"offsets", offsets.getType()}, many)) ||
      failed(expectSameRow(op, 2, few, many)))
    return failure();
  auto encoding = cast<RankedTensorType>(offsets.getType()).getEncoding();
  SpaceAttr rows = spaceOf(few.type);
  llvm::StringRef per = cast<OffsetsAttr>(encoding).getPer();
  if (!rows || rows.getName() != per)
    return op->emitOpError("C3: expected ")
           << few.name << " over the space " << per << ", got " << few.type;
  return success();
}

LogicalResult MeanRowsOp::verify() {
  return verifyMean(*this, {"x", getX().getType()}, {"y", getY().getType()}, getOffsets());
}

Cost MeanRowsOp::getCost(const SpaceSizes &sizes) {
  return {elementsOf(getX().getType(), sizes), bytesMoved(*this, sizes)};
}

LogicalResult MeanRowsOp::buildBackward(Backward &backward) {
  Value dy = backward.gradient(getY());
  if (backward.isNeeded(getX()))
    backward.accumulate(getX(), MeanRowsGradOp::create(backward.builder(), getLoc(),
                                                       getX().getType(), dy, getOffsets()));
  return success();
}

LogicalResult MeanRowsGradOp::verify() {
  return verifyMean(*this, {"dx", getDx().getType()}, {"dy", getDy().getType()}, getOffsets());
}

Cost MeanRowsGradOp::getCost(const SpaceSizes &sizes) {
  return {elementsOf(getDx().getType(), sizes), bytesMoved(*this, sizes)};
}

LogicalResult ScatterRowsOp::verify() {
  Named dy{"dy", getDy().getType()};
  return failure(failed(expectSameRow(*this, 1, {"dx", getDx().getType()}, dy)) ||
                 failed(expectSameRows(*this, 2, {"rows", getRows().getType()}, dy)));
}

Cost ScatterRowsOp::getCost(const SpaceSizes &sizes) {
  return {0, bytesOf(getDy().getType(), sizes) + bytesOf(getDx().getType(), sizes)};
}

} // namespace ftc::nn
