// Activations behind products, normalizations behind residual sums.
#include "compiler/analysis/FusedTail.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace ftc {

template <typename Op> static std::optional<FusedTail> productTail(Op op) {
  if (!op.getPre())
    return std::nullopt;
  return FusedTail{op.getPre(), {op.getY()}};
}

std::optional<FusedTail> tailOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, std::optional<FusedTail>>(op)
      .Case<nn::LinearOp, nn::LowRankLinearOp>(
          [](auto product) { return productTail(product); })
      .Case([](nn::AddLayerNormOp norm) {
        return FusedTail{norm.getSum(), {norm.getY(), norm.getMean(), norm.getRstd()}};
      })
      .Default(std::nullopt);
}

template <typename Op>
static Operation *activationOf(OpBuilder &builder, Op product, Value from) {
  return nn::ActivationOp::create(builder, product.getLoc(), product.getY().getType(), from,
                                  product.getActivation());
}

Operation *createTail(OpBuilder &builder, Operation *fused, Value from) {
  return llvm::TypeSwitch<Operation *, Operation *>(fused)
      .Case<nn::LinearOp, nn::LowRankLinearOp>(
          [&](auto product) { return activationOf(builder, product, from); })
      .Case([&](nn::AddLayerNormOp norm) {
        return nn::LayerNormOp::create(builder, norm.getLoc(), norm.getY().getType(),
                                       norm.getMean().getType(), norm.getRstd().getType(), from,
                                       norm.getGamma(), norm.getBeta(), norm.getEps());
      });
}

} // namespace ftc
