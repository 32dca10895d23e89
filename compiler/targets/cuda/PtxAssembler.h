// ptxas, where it is installed: cubins, and what it says of each kernel.
#pragma once

#include "compiler/targets/cuda/GpuArch.h"

#include "llvm/Support/Error.h"

#include <map>
#include <optional>

namespace ftc::cuda {

/// Of one kernel, as ptxas reports it.
struct KernelResources {
  int registers = 0;
  std::int64_t spillBytes = 0; ///< stores and loads, of a thread
  std::int64_t stackBytes = 0;
};

/// An assembled module.
struct AssembledPtx {
  std::string cubin;
  std::map<std::string, KernelResources> kernels;
  /// Why there is no cubin: this ptxas does not run, or takes not even a module without kernels
  /// of this PTX version and architecture. Empty where it assembled.
  std::string unsupported;
};

/// The path of ptxas: as found at configure time, else in PATH or /usr/local/cuda/bin.
std::optional<std::string> findPtxas();

/// Assembles `ptx` for `arch`. Fails with ptxas's first complaint where it rejects this very PTX.
llvm::Expected<AssembledPtx> assemblePtx(const std::string &ptxas, const std::string &ptx,
                                         const GpuArch &arch);

} // namespace ftc::cuda
