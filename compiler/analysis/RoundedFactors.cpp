// Rules by op and operand; widths are static.
#include "compiler/analysis/RoundedFactors.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace ftc {

/// Elements of 16 bytes of bf16 and of f32; terms that a sum has at least.
constexpr std::int64_t kNarrowLine = 8, kLine = 4, kTerms = 48;

static std::int64_t widthOf(Value matrix) {
  return cast<RankedTensorType>(matrix.getType()).getShape().back();
}

bool isRoundedFactor(OpOperand &use) {
  Value x = use.get();
  unsigned place = use.getOperandNumber();
  if (widthOf(x) % kNarrowLine != 0)
    return false;
  auto forward = [&](auto) { return place == 0 && widthOf(x) >= kTerms; };
  auto gradient = [&](auto op) { return place == 1 && widthOf(op.getDy()) % kLine == 0; };
  return llvm::TypeSwitch<Operation *, bool>(use.getOwner())
      .Case<nn::LinearOp, nn::LowRankLinearOp>(forward)
      .Case<nn::LinearWgradOp, nn::LinearWgradUpdateOp>(gradient)
      .Default(false);
}

static bool canStoreRounded(OpResult result) {
  return result.getResultNumber() == 0 &&
         isa<nn::LinearOp, nn::ActivationOp, nn::GatedOp>(result.getOwner());
}

bool isRoundedAlone(OpResult result) {
  return canStoreRounded(result) && !result.use_empty() &&
         llvm::all_of(result.getUses(), isRoundedFactor);
}

} // namespace ftc
