// Definitions of the op interfaces, and the row-local op's move to another space.
#include "dialects/interfaces/Interfaces.h"

#include "mlir/IR/BuiltinTypes.h"

#include "dialects/interfaces/Interfaces.cpp.inc"

namespace ftc {

mlir::Operation *cloneWithSpace(mlir::OpBuilder &builder, mlir::Operation *op,
                                mlir::ValueRange operands, mlir::Attribute space) {
  llvm::SmallVector<mlir::Type> types;
  for (mlir::Type type : op->getResultTypes()) {
    auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
    if (tensor && tensor.getEncoding())
      type = mlir::RankedTensorType::get(tensor.getShape(), tensor.getElementType(), space);
    types.push_back(type);
  }
  mlir::OperationState state(op->getLoc(), op->getName());
  state.addOperands(operands);
  state.addTypes(types);
  state.addAttributes(op->getAttrs());
  return builder.create(state);
}

} // namespace ftc
