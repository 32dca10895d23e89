// The registry of the target "cuda".
#include "compiler/targets/cuda/lowering/CudaLowering.h"

#include "dialects/nn/Nn.h"

namespace ftc::cuda {

static void addLowerings(cpu::LoweringRegistry &registry) {
  cpu::addCpuLowerings(registry);
  addRowMajorLinearLowerings(registry);
  addFlashLowerings(registry);
  addWindowedLossLowerings(registry);
}

const cpu::LoweringTarget &loweringTarget() {
  static const cpu::LoweringTarget target{"cuda", /*packsWeights=*/false, addLowerings};
  return target;
}

} // namespace ftc::cuda
