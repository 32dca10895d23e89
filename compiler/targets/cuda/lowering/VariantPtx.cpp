// From a plan's launches to signatures, to PTX, to a cubin.
#include "compiler/targets/cuda/lowering/VariantPtx.h"

#include "compiler/targets/cuda/PtxAssembler.h"

namespace ftc::cuda {

std::vector<LaunchedKernel>
launchedKernels(plan::VariantOp variant,
                const std::map<std::string, cpu::KernelSpec> &kernels) {
  std::map<std::string, KernelSignature> signatures;
  std::vector<LaunchedKernel> launched;
  variant.walk([&](plan::LaunchOp launch) {
    KernelSignature signature{static_cast<unsigned>(launch.getOperands().size()),
                              static_cast<unsigned>(launch.getInts().size()),
                              static_cast<unsigned>(launch.getScalars().size())};
    std::string name = launch.getKernel().str();
    auto [entry, fresh] = signatures.try_emplace(name, signature);
    if (fresh || entry->second != signature)
      launched.push_back({kernels.at(name), signature});
  });
  return launched;
}

llvm::Expected<VariantObject>
compileVariant(plan::VariantOp variant, const std::map<std::string, cpu::KernelSpec> &kernels,
               const GpuArch &arch) {
  std::vector<LaunchedKernel> launched = launchedKernels(variant, kernels);
  llvm::Expected<std::string> ptx = compileToPtx(launched, arch);
  if (!ptx)
    return ptx.takeError();
  VariantObject object{arch.name, arch.features, *ptx};
  for (const LaunchedKernel &entry : launched) {
    KernelFacts &facts = object.kernels[entry.kernel->key(arch)];
    facts.threads = threadsOf(*entry.kernel);
    facts.sharedBytes = sharedBytesOf(*entry.kernel, arch);
  }
  std::optional<std::string> ptxas = findPtxas();
  if (!ptxas)
    return object;
  llvm::Expected<AssembledPtx> assembled = assemblePtx(*ptxas, *ptx, arch);
  if (!assembled)
    return assembled.takeError();
  if (!assembled->unsupported.empty()) { // the driver compiles the PTX where it runs
    object.warning = "cuda kernels: " + assembled->unsupported + "; " + arch.name +
                     " has PTX alone, which the driver compiles";
    return object;
  }
  object.cubin = std::move(assembled->cubin);
  for (auto &[name, facts] : object.kernels) {
    const KernelResources &resources = assembled->kernels[name];
    facts.registers = resources.registers;
    facts.spillBytes = resources.spillBytes;
  }
  return object;
}

} // namespace ftc::cuda
