// What both targets' lowerings of linear_wgrad_update share.
#pragma once

#include "compiler/targets/cpu/kernels/UpdateRules.h"
#include "compiler/targets/cpu/lowering/CpuLowering.h"
#include "dialects/nn/Nn.h"

namespace ftc::cpu {

/// The kernels' name of the rule.
UpdateRule kernelRule(nn::UpdateRule rule);

/// Launches `kernel`, which updates in place what `op` replaces: behind `operands` come weight
/// and moments, bias and its moments; the scalars are the rule's with the weight's decay, then
/// the bias's decay. Fails where a replaced value is read behind the update.
mlir::LogicalResult launchWeightUpdate(nn::LinearWgradUpdateOp op, KernelSpec kernel,
                                       std::vector<Operand> operands, mlir::AffineExpr rows,
                                       CpuProgram &program, llvm::StringRef suffix = {});

} // namespace ftc::cpu
