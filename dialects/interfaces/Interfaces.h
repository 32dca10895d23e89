// The op interfaces of ftc (Interfaces.td) and the types their methods speak of.
#pragma once

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"
#include "llvm/ADT/StringMap.h"

namespace ftc {

/// Sizes of ragged spaces, by name ("tokens" -> 2048), for cost estimates.
using SpaceSizes = llvm::StringMap<std::int64_t>;

/// One execution's arithmetic and its traffic to memory.
struct Cost {
  double flops = 0;
  double bytes = 0;
};

/// What an op's buildBackward talks to. Implemented by the differentiate pass.
class Backward {
public:
  virtual ~Backward() = default;
  /// Where the backward ops are inserted.
  virtual mlir::OpBuilder &builder() = 0;
  /// The accumulated gradient of an op's result; null when nothing flowed into it.
  virtual mlir::Value gradient(mlir::Value result) = 0;
  /// Whether an operand leads from something trainable.
  virtual bool isNeeded(mlir::Value operand) = 0;
  /// Adds `gradient` to what flows into `operand`. Only called for needed operands.
  virtual void accumulate(mlir::Value operand, mlir::Value gradient) = 0;
  /// The function's batch input `name` of that type, added to the arguments if missing.
  virtual mlir::Value batchInput(llvm::StringRef name, mlir::Type type) = 0;
  /// The name of the batch input a value is; empty when it is something else.
  virtual llvm::StringRef batchInputName(mlir::Value value) = 0;
};

/// Recreates a row-local op on other operands; ragged results move to `space`.
mlir::Operation *cloneWithSpace(mlir::OpBuilder &builder, mlir::Operation *op,
                                mlir::ValueRange operands, mlir::Attribute space);

} // namespace ftc

#include "dialects/interfaces/Interfaces.h.inc"
