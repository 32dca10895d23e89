// Compiles kernels to PTX in process, by LLVM's NVPTX target.
#pragma once

#include "compiler/targets/cpu/kernels/KernelSpec.h"
#include "compiler/targets/cuda/GpuArch.h"
#include "compiler/targets/cuda/KernelEntry.h"

#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"

#include <map>

namespace ftc::cuda {

/// A kernel with what its launches pass.
struct LaunchedKernel {
  cpu::KernelSpec kernel;
  KernelSignature signature;
};

/// A kernel that runs several launches at once: those of each run over grids of one size. All
/// have as many threads a block.
struct LaunchedGroup {
  struct Run {
    LaunchedKernel launched;
    std::int64_t count = 1;
  };
  std::string name;
  std::vector<Run> runs;
};

/// Threads of a block and its dynamic shared memory, in bytes.
int threadsOf(const cpu::Kernel &kernel);
std::int64_t sharedBytesOf(const cpu::Kernel &kernel, const GpuArch &arch);
/// Blocks that a multiprocessor shall hold at least: bounds a thread's registers.
int residentBlocksOf(const cpu::Kernel &kernel);

/// One PTX module that exports every kernel under its key, every group under its name. The text
/// depends on kernels, architecture and tool version alone.
llvm::Expected<std::string> compileToPtx(const std::vector<LaunchedKernel> &kernels,
                                         const GpuArch &arch,
                                         const std::vector<LaunchedGroup> &groups = {});

/// The LLVM IR that this PTX is generated from, with NVPTX's intrinsics, for other back ends.
llvm::Expected<std::unique_ptr<llvm::Module>>
compileToNvvmIr(const std::vector<LaunchedKernel> &kernels, const GpuArch &arch,
                llvm::LLVMContext &ir, const std::vector<LaunchedGroup> &groups = {});

} // namespace ftc::cuda
