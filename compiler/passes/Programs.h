// What the passes that derive programs from @forward share.
#pragma once

#include "compiler/analysis/Arguments.h"

namespace ftc {

/// A copy of `forward` beside it, as the program `name`; `after` it, or before.
mlir::func::FuncOp cloneProgram(mlir::func::FuncOp forward, llvm::StringRef name, bool after);

/// Erases what no result needs. Every op of the dialect is pure.
void eraseDead(mlir::func::FuncOp program);

/// Whether an op draws random numbers: a dropout, or attention with one.
bool isRandom(mlir::Operation *op);

/// Takes every dropout out of a program.
void stripDropout(mlir::func::FuncOp program);

} // namespace ftc
