// Shared constraints of the op verifiers: rows, widths, types and offsets.
#include "dialects/nn/ops/Verify.h"

using namespace mlir;

namespace ftc::nn {

static RankedTensorType tensorOf(Type type) { return cast<RankedTensorType>(type); }

std::int64_t widthOf(Type type) { return tensorOf(type).getShape().back(); }

LogicalResult expectSameRows(Operation *op, int number, Named a, Named b) {
  RankedTensorType left = tensorOf(a.type), right = tensorOf(b.type);
  if (left.getEncoding() == right.getEncoding() && left.getDimSize(0) == right.getDimSize(0))
    return success();
  return op->emitOpError() << "C" << number << ": expected " << a.name << " and " << b.name
                           << " over the same rows, got " << a.type << " and " << b.type;
}

LogicalResult expectWidth(Operation *op, int number, Named a, std::int64_t width,
                          const llvm::Twine &why) {
  if (widthOf(a.type) == width)
    return success();
  return op->emitOpError() << "C" << number << ": expected " << a.name << " of width " << width
                           << " (" << why.str() << "), got " << widthOf(a.type);
}

LogicalResult expectSameType(Operation *op, int number, Named a, Named b) {
  if (a.type == b.type)
    return success();
  return op->emitOpError() << "C" << number << ": expected " << a.name << " of " << b.name
                           << "'s type " << b.type << ", got " << a.type;
}

LogicalResult expectStoredLike(Operation *op, int number, Named a, Named b) {
  RankedTensorType wide = tensorOf(b.type);
  if (a.type == wide.clone(BFloat16Type::get(op->getContext())))
    return success();
  return expectSameType(op, number, a, b);
}

LogicalResult expectOffsets(Operation *op, int number, Named offsets, Named rows) {
  auto attr = dyn_cast_or_null<OffsetsAttr>(tensorOf(offsets.type).getEncoding());
  SpaceAttr space = spaceOf(rows.type);
  if (attr && space && attr.getInto() == space.getName())
    return success();
  return op->emitOpError() << "C" << number << ": expected " << offsets.name
                           << " to be #nn.offsets into the space of " << rows.name << ", got "
                           << offsets.type << " and " << rows.type;
}

} // namespace ftc::nn
