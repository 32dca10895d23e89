// What the phases of `ftc compile` ask of a target: its variants, its lowering, its objects.
#pragma once

#include "compiler/ArtifactBuilder.h"
#include "compiler/targets/cpu/lowering/CpuLowering.h"
#include "runtime/support/Status.h"

#include "llvm/Support/Error.h"

namespace ftc {

/// A planned variant's kernels, by name.
using KernelTable = std::map<std::string, cpu::KernelSpec>;

class Target {
public:
  virtual ~Target() = default;
  /// Storage and kernels of a plan.
  virtual const cpu::LoweringTarget &lowering() const = 0;
  /// What a variant rounds the factors of products to: "fp32" (nothing), "tf32" or "bf16".
  virtual const char *productsOf(const cpu::CpuIsa &isa) const = 0;
  /// Whether products round their factors to bf16 and kernels read and write activations in it.
  virtual bool roundsFactors(const cpu::CpuIsa &) const { return false; }
  virtual llvm::Expected<VariantObject> compile(plan::VariantOp variant,
                                                const KernelTable &kernels,
                                                const cpu::CpuIsa &isa) const = 0;
  /// The same code as text.
  virtual llvm::Expected<std::string> compileToText(plan::VariantOp variant,
                                                    const KernelTable &kernels,
                                                    const cpu::CpuIsa &isa) const = 0;
};

/// The target of that name: "cpu" or "cuda".
const Target &findTarget(llvm::StringRef name);

/// The architectures that --gpu names, in their order, each once, with products in `precision`
/// (auto: bf16). Without names: sm_80 and sm_90.
rt::Result<std::vector<const cpu::CpuIsa *>> resolveGpus(const std::vector<std::string> &names,
                                                         const std::string &precision);

} // namespace ftc
