// The nn dialect's registration and attributes.
#include "dialects/nn/Nn.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

static ParseResult parseSpaceName(AsmParser &parser, std::string &name) {
  return parser.parseKeywordOrString(&name);
}
static void printSpaceName(AsmPrinter &printer, llvm::StringRef name) {
  printer.printKeywordOrString(name);
}

#include "dialects/nn/NnDialect.cpp.inc"
#include "dialects/nn/NnEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/nn/NnAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/nn/NnOps.cpp.inc"

namespace ftc::nn {

void NnDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/nn/NnAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/NnOps.cpp.inc"
      >();
}

static LogicalResult verifyRagged(llvm::ArrayRef<std::int64_t> shape,
                                  function_ref<InFlightDiagnostic()> emitError) {
  if (shape.empty() || !ShapedType::isDynamic(shape[0]))
    return emitError() << "expected a dynamic dimension 0 of a tensor over a ragged space";
  for (std::int64_t size : shape.drop_front())
    if (ShapedType::isDynamic(size))
      return emitError() << "expected only dimension 0 of a ragged tensor to be dynamic";
  return success();
}

LogicalResult SpaceAttr::verifyEncoding(ArrayRef<int64_t> shape, Type element,
                                        function_ref<InFlightDiagnostic()> emitError) const {
  return verifyRagged(shape, emitError);
}

LogicalResult OffsetsAttr::verifyEncoding(ArrayRef<int64_t> shape, Type element,
                                          function_ref<InFlightDiagnostic()> emitError) const {
  if (shape.size() != 1 || !element.isInteger(32))
    return emitError() << "expected offsets as a one-dimensional tensor of i32";
  return verifyRagged(shape, emitError);
}

LogicalResult verifyRaggedTensors(Operation *op) {
  auto check = [&](Type type, llvm::StringRef kind, unsigned index) -> LogicalResult {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || tensor.getEncoding() || tensor.hasStaticShape())
      return success();
    return op->emitOpError() << "expected " << kind << " " << index
                             << " to be static or to name its space, got " << type;
  };
  for (OpOperand &operand : op->getOpOperands())
    if (failed(check(operand.get().getType(), "operand", operand.getOperandNumber())))
      return failure();
  for (OpResult result : op->getResults())
    if (failed(check(result.getType(), "result", result.getResultNumber())))
      return failure();
  return success();
}

SpaceAttr spaceOf(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? dyn_cast_or_null<SpaceAttr>(tensor.getEncoding()) : SpaceAttr();
}

RankedTensorType rowsType(MLIRContext *context, llvm::StringRef space, std::int64_t width,
                          Type element) {
  SmallVector<int64_t> shape{ShapedType::kDynamic};
  if (width > 0)
    shape.push_back(width);
  return RankedTensorType::get(shape, element, SpaceAttr::get(context, space));
}

RankedTensorType offsetsType(MLIRContext *context, llvm::StringRef per, llvm::StringRef into) {
  return RankedTensorType::get({ShapedType::kDynamic}, IntegerType::get(context, 32),
                               OffsetsAttr::get(context, per, into));
}

static double sizeOf(const SpaceSizes &sizes, llvm::StringRef space) {
  auto found = sizes.find(space);
  return found == sizes.end() ? 1.0 : static_cast<double>(found->second);
}

double elementsOf(Type type, const SpaceSizes &sizes) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return 0;
  double elements = 1;
  for (std::int64_t size : tensor.getShape())
    if (!ShapedType::isDynamic(size))
      elements *= static_cast<double>(size);
  if (auto space = dyn_cast_or_null<SpaceAttr>(tensor.getEncoding()))
    return elements * sizeOf(sizes, space.getName());
  if (auto offsets = dyn_cast_or_null<OffsetsAttr>(tensor.getEncoding()))
    return elements * (sizeOf(sizes, offsets.getPer()) + 1);
  return elements;
}

double bytesOf(Type type, const SpaceSizes &sizes) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? elementsOf(type, sizes) * tensor.getElementTypeBitWidth() / 8 : 0;
}

double bytesMoved(Operation *op, const SpaceSizes &sizes) {
  double bytes = 0;
  for (Type type : op->getOperandTypes())
    bytes += bytesOf(type, sizes);
  for (Type type : op->getResultTypes())
    bytes += bytesOf(type, sizes);
  return bytes;
}

} // namespace ftc::nn
