// From the vector kernels' signature to the entry point of runtime/abi/CudaKernel.h.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <cstdint>

namespace ftc::cuda {

/// How many operands of each kind the launches of a kernel have.
struct KernelSignature {
  unsigned buffers = 0, ints = 0, scalars = 0;
  bool operator==(const KernelSignature &) const = default;
};

/// Launches of one kernel over grids of one size, in a group.
struct GroupRun {
  mlir::func::FuncOp kernel;
  KernelSignature signature;
  std::int64_t count = 1;
  bool late = false; ///< addresses are loaded where the kernel asks for them, and no earlier
};

/// The symbol of the dynamic shared memory that a module's kernels begin at.
constexpr llvm::StringLiteral kSharedMemory = "shared_memory";

/// Gives `kernel`, emitted by a KernelBuilder, its entry point's signature: a pointer a buffer,
/// then the words. Block x works on task x, where there is one; scratch is shared memory.
void makeEntry(mlir::func::FuncOp kernel, const KernelSignature &signature);

/// Makes the entry point `name` of a group of them, beside the first, and takes their bodies:
/// block x works on a task of one of the runs. Launches of a run take turns, so that what they
/// read alike is read at once.
mlir::func::FuncOp makeGroupEntry(llvm::StringRef name, llvm::ArrayRef<GroupRun> runs);

} // namespace ftc::cuda
