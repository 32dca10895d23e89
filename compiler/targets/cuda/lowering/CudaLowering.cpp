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

/// Updates whose moments know rows and columns, or blocks in the checkpoint's order: their
/// kernels walk panels of whole vectors, which a transposed weight does not lie in here.
static LogicalResult lowerOrderedUpdate(Operation *op, cpu::CpuProgram &program) {
  for (Value operand : op->getOperands()) {
    StringRef name = argumentText(operand, nn::kParameter);
    if (!name.empty() && program.planner.storage.of(name).panelWidth)
      return op->emitOpError("expected weights that the checkpoint keeps as they are, got '")
             << name
             << "', which it keeps transposed: there is no cuda kernel for that, take "
                "--optim adamw";
  }
  return lowerToVectorKernels(op, program);
}

static void addLowerings(cpu::LoweringRegistry &registry) {
  cpu::addCpuLowerings(registry);
  addRowMajorLinearLowerings(registry);
  registry[nn::AdafactorOp::getOperationName()] = lowerOrderedUpdate;
  registry[nn::AdamW8bitOp::getOperationName()] = lowerOrderedUpdate;
  addFlashLowerings(registry);
  addWindowedLossLowerings(registry);
}

static cpu::BlockShape blockOf(const cpu::Kernel &kernel, const cpu::CpuIsa &isa) {
  return {threadsOf(kernel), sharedBytesOf(kernel, archOf(isa)), residentBlocksOf(kernel)};
}

const cpu::LoweringTarget &loweringTarget() {
  static const cpu::LoweringTarget target{"cuda", /*packsWeights=*/false, addLowerings, blockOf};
  return target;
}

} // namespace ftc::cuda
