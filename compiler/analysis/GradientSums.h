// The gradients of a table that several ops read: where they are summed in one buffer.
#pragma once

#include "dialects/nn/Nn.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <vector>

namespace ftc {

/// A sum of gradients whose producers can add in place: the first one writes the buffer of
/// `total`, the others add to it, and the ops of `sums` have nothing left to do.
struct GradientSum {
  mlir::Value total;
  llvm::SmallVector<mlir::Value> shares; ///< in the order of their producers, at least two
  llvm::SmallVector<nn::AddOp> sums;     ///< `total`'s among them
};

/// The sums of a program, in its order.
std::vector<GradientSum> gradientSums(mlir::func::FuncOp function);

} // namespace ftc
