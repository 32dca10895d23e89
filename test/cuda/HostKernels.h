// The compiler's kernels on this CPU, from the LLVM IR that their PTX is generated from: what
// the emulator is compared with. Of the way of PTX they share neither code generator nor
// instructions.
#pragma once

#include "compiler/targets/cuda/PtxCompiler.h"

#include <memory>

namespace llvm::orc {
class LLJIT;
}

namespace ftc::cuda::test {

/// Whether two results of one operation are equal. NaNs are: PTX does not say which one an
/// operation gives, the emulator's is canonical.
inline bool sameWord(std::uint32_t left, std::uint32_t right) {
  auto isNan = [](std::uint32_t bits) { return (bits & 0x7fffffff) > 0x7f800000; };
  return left == right || (isNan(left) && isNan(right));
}

class HostKernels {
public:
  /// Compiles the IR of `kernels` and `groups` for x86-64, their intrinsics as calls of HostBlock. Fails on
  /// an intrinsic that HostBlock does not have.
  static llvm::Expected<std::unique_ptr<HostKernels>>
  compile(const std::vector<LaunchedKernel> &kernels, const GpuArch &arch,
          const std::vector<LaunchedGroup> &groups = {});
  ~HostKernels();

  /// Runs `grid` blocks one after another, the last first; `parameters` as of the PTX
  /// (runtime/abi/CudaKernel.h), pointers of the host. Aborts with a message where threads wait
  /// for different things.
  void launch(const std::string &name, unsigned grid, unsigned threads,
              const std::vector<void *> &parameters);

private:
  explicit HostKernels(std::unique_ptr<llvm::orc::LLJIT> jit);
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

} // namespace ftc::cuda::test
