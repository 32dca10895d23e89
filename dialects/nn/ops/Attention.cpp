// Attention over ragged sequences: constraints, cost and derivative.
#include "dialects/nn/ops/Verify.h"

using namespace mlir;

namespace ftc::nn {

/// C1-C3: heads divide the widths, keys and values agree. Gives the width of one head.
static FailureOr<std::int64_t> verifyHeads(Operation *op, Type q, Type k, Type v,
                                           std::int64_t heads, std::int64_t kvHeads) {
  if (heads <= 0 || kvHeads <= 0 || heads % kvHeads != 0 || widthOf(q) % heads != 0)
    return op->emitOpError("C1: expected heads > 0 that divide the width of q, and kv_heads "
                           "that divide heads, got ")
           << heads << " and " << kvHeads << " for width " << widthOf(q);
  std::int64_t width = widthOf(q) / heads;
  if (failed(expectWidth(op, 2, {"k", k}, width * kvHeads, "kv_heads * head width")) ||
      failed(expectSameType(op, 3, {"v", v}, {"k", k})))
    return failure();
  return width;
}

/// C4-C8: offsets into each side's space, one position a query, one id a sequence.
template <typename Op> static LogicalResult verifySides(Op op) {
  Named q{"q", op.getQ().getType()}, k{"k", op.getK().getType()};
  Type queries = op.getQOffsets().getType(), keys = op.getKvOffsets().getType();
  if (failed(expectOffsets(op, 4, {"q_offsets", queries}, q)) ||
      failed(expectOffsets(op, 5, {"kv_offsets", keys}, k)) ||
      failed(expectSameRows(op, 6, {"q_position", op.getQPosition().getType()}, q)))
    return failure();
  auto encoding = [](Type type) { return cast<RankedTensorType>(type).getEncoding(); };
  auto left = cast<OffsetsAttr>(encoding(queries)), right = cast<OffsetsAttr>(encoding(keys));
  if (left.getPer() != right.getPer())
    return op.emitOpError("C7: expected q_offsets and kv_offsets per the same space, got ")
           << left.getPer() << " and " << right.getPer();
  SpaceAttr id = spaceOf(op.getSequenceId().getType());
  if (!id || id.getName() != left.getPer())
    return op.emitOpError("C8: expected sequence_id over the space ")
           << left.getPer() << ", got " << op.getSequenceId().getType();
  return success();
}

/// C`number`: a window holds at least the query's own position.
template <typename Op> static LogicalResult verifyWindow(Op op, int number) {
  if (std::optional<std::uint32_t> window = op.getWindow();
      window && static_cast<std::int32_t>(*window) < 1)
    return op.emitOpError() << "C" << number << ": expected window > 0, got "
                            << static_cast<std::int32_t>(*window);
  return success();
}

/// C`number`: one table for each kind of positions, alike, a head's columns for each head;
/// distances with a row each, and shared ones up to max_distance; bidirectional over all keys.
template <typename Op> static LogicalResult verifyPositions(Op op, int number) {
  unsigned expected = (op.getPositionKeys() ? 1 : 0) + (op.getPositionQueries() ? 1 : 0);
  if (op.getTables().size() != expected)
    return op.emitOpError() << "C" << number << ": expected a table for each kind of positions, "
                            << expected << ", got " << op.getTables().size();
  std::int64_t width = widthOf(op.getQ().getType());
  for (Value table : op.getTables()) {
    auto type = cast<RankedTensorType>(table.getType());
    if (!type.hasStaticShape() || type.getDimSize(0) < 2 || type.getDimSize(0) % 2 != 0 ||
        type.getDimSize(1) != width || type != op.getTables().front().getType())
      return op.emitOpError() << "C" << number << ": expected tables of one even number of rows "
                              << "and the width of q, " << width << ", got " << type;
  }
  if (op.getCausal() || op.getWindow() || op.getHeads() != op.getKvHeads())
    return op.emitOpError() << "C" << number << ": expected tables of positions with attention "
                            << "over all keys, and as many kv_heads as heads";
  std::int64_t exact =
      cast<RankedTensorType>(op.getTables().front().getType()).getDimSize(0) / 4;
  if (std::optional<std::uint32_t> distance = op.getMaxDistance();
      distance && (exact < 1 || static_cast<std::int32_t>(*distance) <= exact + 1))
    return op.emitOpError() << "C" << number << ": expected max_distance above " << exact + 1
                            << ", and 4 rows or more, got "
                            << static_cast<std::int32_t>(*distance);
  return success();
}

/// C`number`: bias and max_distance come together, one column a head, and buckets in each of
/// `sides` directions for some distances alone and some shared ones below max_distance.
template <typename Op>
static LogicalResult verifyBias(Op op, int number, std::int64_t sides) {
  if (!op.getBias() != !op.getMaxDistance())
    return op.emitOpError() << "C" << number << ": expected bias and max_distance together, got "
                            << (op.getBias() ? "bias" : "max_distance") << " alone";
  if (!op.getBias())
    return success();
  auto type = cast<RankedTensorType>(op.getBias().getType());
  if (!type.hasStaticShape() || type.getDimSize(0) < 2 * sides ||
      type.getDimSize(1) != op.getHeads())
    return op.emitOpError() << "C" << number << ": expected bias of at least " << 2 * sides
                            << " buckets and one column for each of " << op.getHeads()
                            << " heads, got " << type;
  std::int64_t exact = type.getDimSize(0) / sides / 2;
  auto distance = static_cast<std::int32_t>(*op.getMaxDistance());
  if (distance <= exact)
    return op.emitOpError() << "C" << number << ": expected max_distance above " << exact
                            << ", the distances with a bucket each, got " << distance;
  return success();
}

/// C`number`: what attention's tables may be: of positions, or one bias.
template <typename Op> static LogicalResult verifyTables(Op op, int number) {
  if (op.hasPositions())
    return verifyPositions(op, number);
  if (op.getTables().size() > 1)
    return op.emitOpError() << "C" << number << ": expected one bias, got "
                            << op.getTables().size() << " tables";
  return verifyBias(op, number, op.getCausal() ? 1 : 2);
}

/// Products of queries by keys; the key length of a query is not known statically, so the
/// number of key rows a sequence is taken as the mean, half of it where attention is causal, a
/// window as what it lets through.
template <typename Op>
static Cost attentionCost(Op op, double products, const SpaceSizes &sizes) {
  Type q = op.getQ().getType(), k = op.getK().getType();
  double sequences = elementsOf(op.getSequenceId().getType(), sizes);
  double keys = elementsOf(k, sizes) / static_cast<double>(widthOf(k)) /
                (sequences > 0 ? sequences : 1);
  if (op.getCausal()) // of 1, 2, ... keys
    keys = (keys + 1) / 2;
  if (std::optional<std::uint32_t> window = op.getWindow())
    keys = std::min(keys, op.getCausal() ? double(*window) : 2.0 * *window - 1);
  double columns = products * keys;
  if (op.hasPositions()) // once for the scores; where there are gradients, to both factors
    for (Value table : op.getTables())
      columns += (products > 2 ? 3 : 1) *
                 std::min(elementsOf(table.getType(), sizes) / double(widthOf(q)), 2 * keys);
  return {columns * 2 * elementsOf(q, sizes), bytesMoved(op, sizes)};
}

LogicalResult AttentionOp::verify() {
  Type q = getQ().getType();
  if (failed(verifyHeads(*this, q, getK().getType(), getV().getType(), getHeads(),
                         getKvHeads())) ||
      failed(verifySides(*this)) ||
      failed(expectSameType(*this, 9, {"out", getOut().getType()}, {"q", q})) ||
      failed(expectSameRows(*this, 10, {"lse", getLse().getType()}, {"q", q})) ||
      failed(verifyWindow(*this, 12)) || failed(verifyTables(*this, 13)))
    return failure();
  return expectWidth(*this, 11, {"lse", getLse().getType()}, getHeads(), "heads");
}

Cost AttentionOp::getCost(const SpaceSizes &sizes) { return attentionCost(*this, 2, sizes); }

LogicalResult AttentionOp::buildBackward(Backward &backward) {
  Value dout = backward.gradient(getOut());
  if (!dout || backward.gradient(getLse()))
    return emitOpError("cannot be differentiated through its lse");
  SmallVector<Type> trained;
  if (llvm::any_of(getTables(), [&](Value table) { return backward.isNeeded(table); }))
    llvm::append_range(trained, getTables().getTypes());
  auto grad = AttentionGradOp::create(
      backward.builder(), getLoc(), getQ().getType(), getK().getType(), getV().getType(),
      trained, dout, getQ(), getK(), getV(), getOut(), getLse(),
      getQOffsets(), getKvOffsets(), getQPosition(), getSequenceId(), getHeadsAttr(),
      getKvHeadsAttr(), getScaleAttr(), getCausalAttr(), getRateAttr(), getOpIdAttr(),
      getWindowAttr(), getTables(), getMaxDistanceAttr(), getPositionKeysAttr(),
      getPositionQueriesAttr());
  if (backward.isNeeded(getQ()))
    backward.accumulate(getQ(), grad.getDq());
  if (backward.isNeeded(getK()))
    backward.accumulate(getK(), grad.getDk());
  if (backward.isNeeded(getV()))
    backward.accumulate(getV(), grad.getDv());
  if (!trained.empty())
    for (auto [table, gradient] : llvm::zip_equal(getTables(), grad.getDtables()))
      if (backward.isNeeded(table))
        backward.accumulate(table, gradient);
  return success();
}

LogicalResult AttentionGradOp::verify() {
  Named q{"q", getQ().getType()}, k{"k", getK().getType()}, v{"v", getV().getType()};
  if (failed(verifyHeads(*this, q.type, k.type, v.type, getHeads(), getKvHeads())) ||
      failed(verifySides(*this)) ||
      failed(expectSameType(*this, 9, {"dout", getDout().getType()}, q)) ||
      failed(expectSameType(*this, 10, {"out", getOut().getType()}, q)) ||
      failed(expectSameRows(*this, 11, {"lse", getLse().getType()}, q)) ||
      failed(expectWidth(*this, 12, {"lse", getLse().getType()}, getHeads(), "heads")) ||
      failed(verifyWindow(*this, 16)) || failed(verifyTables(*this, 17)))
    return failure();
  if (!getDtables().empty() && getDtables().size() != getTables().size())
    return emitOpError("C18: expected no gradients of tables, or one a table, got ")
           << getDtables().size() << " of " << getTables().size();
  for (auto [gradient, table] : llvm::zip(getDtables(), getTables()))
    if (failed(expectSameType(*this, 18, {"the gradient", gradient.getType()},
                              {"its table", table.getType()})))
      return failure();
  return failure(failed(expectSameType(*this, 13, {"dq", getDq().getType()}, q)) ||
                 failed(expectSameType(*this, 14, {"dk", getDk().getType()}, k)) ||
                 failed(expectSameType(*this, 15, {"dv", getDv().getType()}, v)));
}

Cost AttentionGradOp::getCost(const SpaceSizes &sizes) {
  return attentionCost(*this, 5, sizes);
}

LogicalResult CacheAppendOp::verify() {
  Named cache{"cache", getCache().getType()}, rows{"rows", getRows().getType()};
  return failure(failed(expectWidth(*this, 1, rows, widthOf(cache.type), "width of cache")) ||
                 failed(expectSameRows(*this, 2, {"slots", getSlots().getType()}, rows)) ||
                 failed(expectSameType(*this, 3, {"updated", getUpdated().getType()}, cache)));
}

Cost CacheAppendOp::getCost(const SpaceSizes &sizes) {
  return {0, 2 * bytesOf(getRows().getType(), sizes)};
}

/// C5: a list of entries for each row of q.
static LogicalResult verifyQueries(CachedAttentionOp op) {
  Type offsets = op.getOffsets().getType();
  auto encoding = cast<OffsetsAttr>(cast<RankedTensorType>(offsets).getEncoding());
  SpaceAttr space = spaceOf(op.getQ().getType());
  if (space && encoding.getPer() == space.getName())
    return success();
  return op.emitOpError("C5: expected offsets per row of q, got ")
         << offsets << " and " << op.getQ().getType();
}

/// C8: scratch for at least one score.
static LogicalResult verifyLongest(CachedAttentionOp op) {
  if (static_cast<std::int32_t>(op.getLongest()) > 0)
    return success();
  return op.emitOpError("C8: expected longest > 0, got ")
         << static_cast<std::int32_t>(op.getLongest());
}

LogicalResult CachedAttentionOp::verify() {
  Type q = getQ().getType();
  return failure(
      failed(verifyHeads(*this, q, getKCache().getType(), getVCache().getType(), getHeads(),
                         getKvHeads())) ||
      failed(expectOffsets(*this, 4, {"offsets", getOffsets().getType()},
                           {"entries", getEntries().getType()})) ||
      failed(verifyQueries(*this)) ||
      failed(expectSameType(*this, 6, {"out", getOut().getType()}, {"q", q})) ||
      failed(verifyWindow(*this, 7)) || failed(verifyLongest(*this)) ||
      failed(verifyBias(*this, 9, /*sides=*/1)));
}

/// Each entry's key and value row is read once.
Cost CachedAttentionOp::getCost(const SpaceSizes &sizes) {
  double entries = elementsOf(getEntries().getType(), sizes);
  double q = static_cast<double>(widthOf(getQ().getType()));
  double rows = 2 * static_cast<double>(widthOf(getKCache().getType())) * 4;
  return {4 * entries * q,
          entries * (rows + 4) + 2 * bytesOf(getQ().getType(), sizes)};
}

} // namespace ftc::nn
