// The registry of the target "cuda".
#include "compiler/targets/cuda/lowering/CudaLowering.h"

#include "compiler/targets/cuda/PtxCompiler.h"

#include "dialects/nn/Nn.h"

using namespace mlir;

namespace ftc::cuda {

LogicalResult lowerToVectorKernels(Operation *op, cpu::CpuProgram &program) {
  static const cpu::LoweringRegistry registry = [] {
    cpu::LoweringRegistry made;
    cpu::addCpuLowerings(made);
    return made;
  }();
  return registry.find(op->getName().getStringRef())->second(op, program);
}

static void addLowerings(cpu::LoweringRegistry &registry) {
  cpu::addCpuLowerings(registry);
  addRowMajorLinearLowerings(registry);
  addFlashLowerings(registry);
  addWindowedLossLowerings(registry);
}

static plan::BlockShape blockOf(const cpu::Kernel &kernel, const cpu::CpuIsa &isa) {
  return {threadsOf(kernel), sharedBytesOf(kernel, archOf(isa)), residentBlocksOf(kernel)};
}

const cpu::LoweringTarget &loweringTarget() {
  static const cpu::LoweringTarget target{"cuda", /*packsWeights=*/false, addLowerings, blockOf};
  return target;
}

} // namespace ftc::cuda
