// From a plan's launches to signatures, to PTX, to a cubin.
#include "compiler/targets/cuda/lowering/VariantPtx.h"

#include "compiler/targets/cuda/PtxAssembler.h"
#include "compiler/targets/cuda/RegisterBounds.h"

using namespace mlir;

namespace ftc::cuda {

static KernelSignature signatureOf(plan::LaunchOp launch) {
  return {static_cast<unsigned>(launch.getOperands().size()),
          static_cast<unsigned>(launch.getInts().size()),
          static_cast<unsigned>(launch.getScalars().size())};
}

VariantKernels launchedKernels(plan::VariantOp variant,
                               const std::map<std::string, cpu::KernelSpec> &kernels) {
  VariantKernels launched;
  std::map<std::string, KernelSignature> signatures, alone;
  for (auto program : variant.getOps<plan::ProgramOp>())
    plan::forEachLaunch(program, [&](plan::LaunchOp launch, plan::KernelOp group) {
      std::string name = launch.getKernel().str();
      KernelSignature signature = signatureOf(launch);
      auto [first, unseen] = signatures.try_emplace(name, signature);
      if (!unseen && first->second != signature) // compileToPtx refuses a kernel with both
        for (const KernelSignature &either : {first->second, signature})
          launched.alone.push_back({kernels.at(name), either});
      if (group)
        return;
      auto [entry, fresh] = alone.try_emplace(name, signature);
      if (fresh || entry->second != signature)
        launched.alone.push_back({kernels.at(name), signature});
    });
  for (auto kernel : variant.getOps<plan::KernelOp>()) {
    if (!kernel.getRuns())
      continue;
    LaunchedGroup &group = launched.groups.emplace_back();
    group.name = kernel.getSymName().str();
    for (auto [run, count] : llvm::zip_equal(*kernel.getRuns(), *kernel.getCounts())) {
      std::string name = cast<FlatSymbolRefAttr>(run).getValue().str();
      group.runs.push_back({{kernels.at(name), signatures.at(name)}, count});
    }
  }
  return launched;
}

/// A line that says which kernels spill, empty if none does.
static std::string spillWarning(const VariantObject &object) {
  unsigned spilling = 0;
  const std::pair<const std::string, KernelFacts> *worst = nullptr;
  for (const auto &entry : object.kernels)
    if (entry.second.spillBytes > 0) {
      ++spilling;
      if (!worst || entry.second.spillBytes > worst->second.spillBytes)
        worst = &entry;
    }
  if (!worst)
    return {};
  return ("cuda kernels: expected no spills, ptxas reports some in " + llvm::Twine(spilling) +
          " of " + llvm::Twine(object.kernels.size()) + " kernels of " + object.isa +
          ", most in '" + worst->first + "': " + llvm::Twine(worst->second.spillBytes) +
          " bytes a thread; results are right, launches slower (ftc inspect --kernels lists "
          "them)")
      .str();
}

static std::set<std::string> spillingOf(const AssembledPtx &assembled) {
  std::set<std::string> names;
  for (const auto &[name, resources] : assembled.kernels)
    if (resources.spillBytes > 0)
      names.insert(name);
  return names;
}

/// Assembles `ptx`, in which kernels that would spill get more registers, and a multiprocessor
/// fewer of their blocks: of the groups that a model's layers make, some take one or two more
/// than their members alone.
static llvm::Expected<AssembledPtx> assembleWithoutSpills(const std::string &ptxas,
                                                          std::string &ptx,
                                                          const GpuArch &arch) {
  while (true) {
    llvm::Expected<AssembledPtx> assembled = assemblePtx(ptxas, ptx, arch);
    if (!assembled)
      return assembled;
    std::optional<std::string> loosened = withMoreRegisters(ptx, spillingOf(*assembled));
    if (!loosened)
      return assembled;
    ptx = std::move(*loosened);
  }
}

llvm::Expected<VariantObject>
compileVariant(plan::VariantOp variant, const std::map<std::string, cpu::KernelSpec> &kernels,
               const GpuArch &arch) {
  VariantKernels launched = launchedKernels(variant, kernels);
  llvm::Expected<std::string> ptx = compileToPtx(launched.alone, arch, launched.groups);
  if (!ptx)
    return ptx.takeError();
  VariantObject object{arch.name, arch.features, *ptx};
  for (const LaunchedKernel &entry : launched.alone) {
    KernelFacts &facts = object.kernels[entry.kernel->key(arch)];
    facts.threads = threadsOf(*entry.kernel);
    facts.sharedBytes = sharedBytesOf(*entry.kernel, arch);
  }
  for (const LaunchedGroup &group : launched.groups)
    for (const LaunchedGroup::Run &run : group.runs) {
      KernelFacts &facts = object.kernels[group.name];
      facts.threads = threadsOf(*run.launched.kernel);
      facts.sharedBytes =
          std::max(facts.sharedBytes, sharedBytesOf(*run.launched.kernel, arch));
    }
  std::optional<std::string> ptxas = findPtxas();
  if (!ptxas)
    return object;
  llvm::Expected<AssembledPtx> assembled = assembleWithoutSpills(*ptxas, *ptx, arch);
  if (!assembled)
    return assembled.takeError();
  if (!assembled->unsupported.empty()) { // the driver compiles the PTX where it runs
    object.warning = "cuda kernels: " + assembled->unsupported + "; " + arch.name +
                     " has PTX alone, which the driver compiles";
    return object;
  }
  object.cubin = std::move(assembled->cubin);
  object.object = std::move(*ptx);
  for (auto &[name, facts] : object.kernels) {
    const KernelResources &resources = assembled->kernels[name];
    facts.registers = resources.registers;
    facts.spillBytes = resources.spillBytes;
  }
  object.warning = spillWarning(object);
  return object;
}

} // namespace ftc::cuda
