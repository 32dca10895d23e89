// An estimate of the bytes that live at once in a program, op by op.
#pragma once

#include "dialects/nn/Nn.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ftc {

/// Sizes of spaces from "tokens=2048" texts; spaces not named keep a default of 2048 tokens and
/// 2048 labelled rows, 16 sequences and 1024 distinct ids. Failure: an entry is malformed.
mlir::FailureOr<SpaceSizes> readSpaceSizes(llvm::ArrayRef<std::string> texts);

/// Bytes that a value takes in the arena: 0 for arguments, and for what is written straight
/// into an argument's storage (accumulated gradients and updates).
double arenaBytes(mlir::Value value, const SpaceSizes &sizes);

/// Bytes that an op's kernels take while it runs, beside its operands and results: the
/// transpose of the weight that an input gradient reads.
double temporaryBytes(mlir::Operation *op, const SpaceSizes &sizes);

/// Operands whose place in the arena the op's first result may take when the op is their last
/// reader: its kernel reads an element before it writes that one.
llvm::SmallVector<mlir::Value> replaceableOperands(mlir::Operation *op);

/// Bytes that live while each op of this order runs.
llvm::SmallVector<double> liveBytes(llvm::ArrayRef<mlir::Operation *> order,
                                    const SpaceSizes &sizes);

/// The largest of them.
double peakBytes(llvm::ArrayRef<mlir::Operation *> order, const SpaceSizes &sizes);

/// The ops of a function's block, its terminator excepted.
llvm::SmallVector<mlir::Operation *> programOrder(mlir::func::FuncOp function);

} // namespace ftc
