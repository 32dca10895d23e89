// A planned variant's kernels as PTX, with a cubin and ptxas's figures where ptxas is
// installed.
#pragma once

#include "compiler/ArtifactBuilder.h"
#include "compiler/targets/cuda/GpuArch.h"
#include "compiler/targets/cuda/PtxCompiler.h"

namespace ftc::cuda {

/// The kernels that `variant` launches, with the operands its launches pass: each alone, and
/// those of groups.
struct VariantKernels {
  std::vector<LaunchedKernel> alone;
  std::vector<LaunchedGroup> groups;
};
VariantKernels launchedKernels(plan::VariantOp variant,
                               const std::map<std::string, cpu::KernelSpec> &kernels);

/// The variant's object. Without ptxas there is no cubin, and registers and spills are 0.
llvm::Expected<VariantObject>
compileVariant(plan::VariantOp variant, const std::map<std::string, cpu::KernelSpec> &kernels,
               const GpuArch &arch);

} // namespace ftc::cuda
