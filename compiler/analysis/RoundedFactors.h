// Which values products round to bf16 before they multiply, whatever they are stored in.
#pragma once

#include "dialects/nn/Nn.h"

namespace ftc {

/// Whether the product that reads `use` rounds it to bf16, and reads it in bf16 as well: `x` of a
/// linear layer and of its weight gradient, whose lines begin at multiples of 16 bytes and whose
/// sums are long enough for cp.async (cuda::Gemm::pipelined; the lowering refuses others).
bool isRoundedFactor(mlir::OpOperand &use);

/// Whether `result` can be stored in bf16 - `y` of a linear layer, of an activation, of a gated
/// product - and has readers, all of which round it.
bool isRoundedAlone(mlir::OpResult result);

} // namespace ftc
