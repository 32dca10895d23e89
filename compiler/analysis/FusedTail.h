// The later half of a fused op, which can be made again from what the first half left.
#pragma once

#include "dialects/nn/Nn.h"

#include "mlir/IR/Builders.h"

#include <optional>

namespace ftc {

/// Results of a fused op that follow from another one of its results alone: y from `pre` of a
/// product with an activation; y, mean and rstd from `sum` of add_layer_norm.
struct FusedTail {
  mlir::Value from;
  llvm::SmallVector<mlir::Value> results;
};

/// The tail of an op; none where it is not fused, or does not have the result between.
std::optional<FusedTail> tailOf(mlir::Operation *op);

/// Creates the op that makes the tail of `fused` from `from`, with the same bits. Its results
/// are those of FusedTail, in order.
mlir::Operation *createTail(mlir::OpBuilder &builder, mlir::Operation *fused, mlir::Value from);

} // namespace ftc
