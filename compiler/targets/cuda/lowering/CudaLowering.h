// The CUDA target's lowering: its own kernels where it has them, for all else the vector
// kernels, each task on a warp.
#pragma once

#include "compiler/targets/cpu/lowering/CpuLowering.h"
#include "compiler/targets/cuda/GpuArch.h"

namespace ftc::cuda {

/// What lowerToPlan is told for the target "cuda".
const cpu::LoweringTarget &loweringTarget();

/// Lowers an op as the CPU target does.
mlir::LogicalResult lowerToVectorKernels(mlir::Operation *op, cpu::CpuProgram &program);

void addRowMajorLinearLowerings(cpu::LoweringRegistry &registry);
void addFlashLowerings(cpu::LoweringRegistry &registry);
void addWindowedLossLowerings(cpu::LoweringRegistry &registry);

} // namespace ftc::cuda
