// Compiles kernels in process: MLIR to an object file, and that to a shared object with ld.lld.
#pragma once

#include "compiler/targets/cpu/kernels/KernelSpec.h"

#include "llvm/Support/Error.h"

namespace ftc::cpu {

/// One relocatable object that exports every kernel under its key. Equal keys are emitted
/// once. The bytes depend on kernels, instruction set and tool version alone.
llvm::Expected<std::string> compileKernels(const std::vector<KernelSpec> &kernels,
                                           const CpuIsa &isa);

/// The same code as assembly text, for tests and for eyes.
llvm::Expected<std::string> compileKernelsToAssembly(const std::vector<KernelSpec> &kernels,
                                                     const CpuIsa &isa);

/// Links an object to a shared object without undefined symbols or writable data, by ld.lld.
llvm::Expected<std::string> linkKernels(const std::string &object);

} // namespace ftc::cpu
