// The nn dialect's registration and attributes.
#include "dialects/nn/Nn.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "dialects/nn/NnDialect.cpp.inc"
#include "dialects/nn/NnEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/nn/NnAttrs.cpp.inc"

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

} // namespace ftc::nn
