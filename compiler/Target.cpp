// The two targets: shared objects by ld.lld, PTX and cubins.
#include "compiler/Target.h"

#include "compiler/targets/cpu/KernelCompiler.h"
#include "compiler/targets/cuda/lowering/CudaLowering.h"
#include "compiler/targets/cuda/lowering/VariantPtx.h"

namespace ftc {
namespace {

std::vector<cpu::KernelSpec> listOf(const KernelTable &kernels) {
  std::vector<cpu::KernelSpec> list;
  for (const auto &[name, kernel] : kernels)
    list.push_back(kernel);
  return list;
}

class CpuTarget : public Target {
public:
  const cpu::LoweringTarget &lowering() const override {
    static const cpu::LoweringTarget target{"cpu", /*packsWeights=*/true, cpu::addCpuLowerings};
    return target;
  }
  const char *productsOf(const cpu::CpuIsa &isa) const override {
    return isa.bf16Pairs ? "bf16" : "fp32";
  }
  llvm::Expected<VariantObject> compile(plan::VariantOp, const KernelTable &kernels,
                                        const cpu::CpuIsa &isa) const override {
    llvm::Expected<std::string> object = cpu::compileKernels(listOf(kernels), isa);
    if (!object)
      return object.takeError();
    llvm::Expected<std::string> linked = cpu::linkKernels(*object);
    if (!linked)
      return linked.takeError();
    return VariantObject{isa.name, isa.features, std::move(*linked)};
  }
  llvm::Expected<std::string> compileToText(plan::VariantOp, const KernelTable &kernels,
                                            const cpu::CpuIsa &isa) const override {
    return cpu::compileKernelsToAssembly(listOf(kernels), isa);
  }
};

class CudaTarget : public Target {
public:
  const cpu::LoweringTarget &lowering() const override { return cuda::loweringTarget(); }
  const char *productsOf(const cpu::CpuIsa &isa) const override {
    return cuda::productsName(cuda::archOf(isa).products);
  }
  bool roundsFactors(const cpu::CpuIsa &isa) const override {
    return cuda::archOf(isa).products == cuda::Products::Bf16;
  }
  llvm::Expected<VariantObject> compile(plan::VariantOp variant, const KernelTable &kernels,
                                        const cpu::CpuIsa &isa) const override {
    return cuda::compileVariant(variant, kernels, cuda::archOf(isa));
  }
  llvm::Expected<std::string> compileToText(plan::VariantOp variant, const KernelTable &kernels,
                                            const cpu::CpuIsa &isa) const override {
    cuda::VariantKernels launched = cuda::launchedKernels(variant, kernels);
    return cuda::compileToPtx(launched.alone, cuda::archOf(isa), launched.groups);
  }
};

} // namespace

const Target &findTarget(llvm::StringRef name) {
  static const CpuTarget cpuTarget;
  static const CudaTarget cudaTarget;
  return name == "cuda" ? static_cast<const Target &>(cudaTarget) : cpuTarget;
}

rt::Result<std::vector<const cpu::CpuIsa *>> resolveGpus(const std::vector<std::string> &names,
                                                         const std::string &precision) {
  std::vector<const cpu::CpuIsa *> archs;
  cuda::Products products = precision == "fp32"   ? cuda::Products::F32
                            : precision == "tf32" ? cuda::Products::Tf32
                                                  : cuda::Products::Bf16;
  std::vector<std::string> wanted = names;
  if (wanted.empty())
    wanted = {"sm_80", "sm_90"};
  for (const std::string &name : wanted) {
    const cuda::GpuArch *arch = cuda::findArch(name, products);
    if (!arch)
      return rt::Status::usage("--gpu: unknown architecture '" + name +
                               "', expected sm_80 or sm_90");
    if (!llvm::is_contained(archs, arch))
      archs.push_back(arch);
  }
  return archs;
}

} // namespace ftc
