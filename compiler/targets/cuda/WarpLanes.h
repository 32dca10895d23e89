// Vector kernels on a warp: a value of 32 lanes becomes one scalar a thread.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ftc::cuda {

/// Rewrites `kernel`, whose vectors have at most 32 lanes, for one warp: lane i of a vector is
/// the scalar of thread i, a scalar is the same in all threads. Vector loads and stores go to
/// consecutive addresses, scalar stores are the first thread's, moves between lanes are
/// shuffles. A value that passes through memory from one lane to another is ordered by a
/// barrier of the warp. Fails with a diagnostic on an op that it does not know.
mlir::LogicalResult distributeOverLanes(mlir::func::FuncOp kernel);

} // namespace ftc::cuda
