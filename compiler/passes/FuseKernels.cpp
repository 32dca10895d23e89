// Fuses activations, residual sums, dropout and gradient sums into their neighbours' kernels.
#include "compiler/passes/Optimizers.h"
#include "compiler/passes/Passes.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_FUSEKERNELS
#include "compiler/passes/Passes.h.inc"

namespace {

/// Whether `value` is usable at `op`: an argument, or defined before it in the same block.
bool dominates(Value value, Operation *op) {
  Operation *definition = value.getDefiningOp();
  return !definition || definition->isBeforeInBlock(op);
}

struct FuseKernelsPass : impl::FuseKernelsBase<FuseKernelsPass> {
  using FuseKernelsBase::FuseKernelsBase;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (programName(function).empty())
        continue;
      forEach<nn::ActivationOp>(function, [&](auto op) { return fuseActivation(op); },
                                fusedActivations);
      forEach<nn::LayerNormOp>(function, [&](auto op) { return fuseNorm(op); }, fusedNorms);
      forEach<nn::ActivationGradOp>(function, [&](auto op) { return fuseActivationGrad(op); },
                                    fusedActivationGrads);
      forEach<nn::AddOp>(function, [&](auto op) { return fuseAddend(op); }, fusedAddends);
      forEach<nn::VocabularyLossOp>(function, [&](auto op) { return fuseLoss(op); },
                                    fusedLosses);
      delayUpdates(function); // a fused op stands where its last part stood
    }
  }

  /// Calls `fuse` on every op of a kind, in order; remarks and counts what succeeds.
  template <typename Op, typename Fuse, typename Count>
  void forEach(func::FuncOp function, Fuse fuse, Count &count) {
    SmallVector<Op> ops(function.front().template getOps<Op>());
    unsigned fused = 0;
    for (Op op : ops)
      if (succeeded(fuse(op)))
        ++fused;
    count += fused;
    if (fused > 0)
      remark::passed(function.getLoc(), remark::RemarkOpts::name(Op::getOperationName())
                                            .category("ftc-fuse-kernels")
                                            .function(function.getName()))
          << (llvm::Twine(fused) + " of " + llvm::Twine(ops.size()) + " " +
              Op::getOperationName() + " fused into their neighbours in @" +
              function.getName())
                 .str();
  }

  /// linear, activation -> linear {activation}; other readers of the sum read `pre`.
  static LogicalResult fuseActivation(nn::ActivationOp op) {
    auto linear = op.getX().getDefiningOp<nn::LinearOp>();
    if (!linear || linear.getActivation() != nn::Activation::None)
      return failure();
    auto activations = llvm::count_if(linear.getY().getUsers(), [](Operation *user) {
      return isa<nn::ActivationOp>(user);
    });
    if (activations != 1)
      return failure();
    OpBuilder builder(linear);
    Type type = linear.getY().getType();
    bool keepsPre = !linear.getY().hasOneUse();
    auto fused = nn::LinearOp::create(builder, linear.getLoc(), type, keepsPre ? type : Type(),
                                      linear.getX(), linear.getWeight(), linear.getBias(),
                                      op.getKindAttr());
    op.getY().replaceAllUsesWith(fused.getY());
    op.erase();
    if (keepsPre)
      linear.getY().replaceAllUsesWith(fused.getPre());
    linear.erase();
    return success();
  }

  /// [dropout,] add, layer_norm -> add_layer_norm at the place of the add.
  static LogicalResult fuseNorm(nn::LayerNormOp op) {
    auto add = op.getX().getDefiningOp<nn::AddOp>();
    if (!add || !dominates(op.getGamma(), add) ||
        (op.getBeta() && !dominates(op.getBeta(), add)))
      return failure();
    Value x = add.getA(), residual = add.getB();
    nn::DropoutOp dropout;
    for (auto [dropped, other] : {std::pair(add.getA(), add.getB()),
                                  std::pair(add.getB(), add.getA())}) {
      auto candidate = dropped.getDefiningOp<nn::DropoutOp>();
      if (!candidate || !dropped.hasOneUse() || dropped == other)
        continue;
      dropout = candidate;
      x = candidate.getX();
      residual = other;
      break;
    }
    OpBuilder builder(add);
    auto fused = nn::AddLayerNormOp::create(
        builder, op.getLoc(), op.getY().getType(), add.getY().getType(), op.getMean().getType(),
        op.getRstd().getType(), x, residual, op.getGamma(), op.getBeta(),
        dropout ? dropout.getSequence() : Value(), dropout ? dropout.getPosition() : Value(),
        op.getEpsAttr(), dropout ? dropout.getRateAttr() : StringAttr(),
        dropout ? dropout.getOpIdAttr() : IntegerAttr());
    op.getY().replaceAllUsesWith(fused.getY());
    op.getMean().replaceAllUsesWith(fused.getMean());
    op.getRstd().replaceAllUsesWith(fused.getRstd());
    op.erase();
    add.getY().replaceAllUsesWith(fused.getSum());
    add.erase();
    if (dropout)
      dropout.erase();
    return success();
  }

  /// linear_dgrad, activation_grad -> linear_dgrad {activation} with `pre`.
  static LogicalResult fuseActivationGrad(nn::ActivationGradOp op) {
    auto dgrad = op.getDy().getDefiningOp<nn::LinearDgradOp>();
    if (!dgrad || !dgrad.getDx().hasOneUse() || dgrad.getPre() || dgrad.getAddend() ||
        !dominates(op.getX(), dgrad))
      return failure();
    OpBuilder builder(dgrad);
    Value fused = nn::LinearDgradOp::create(builder, dgrad.getLoc(), op.getDx().getType(),
                                            dgrad.getDy(), dgrad.getWeight(), op.getX(), Value(),
                                            op.getKind());
    op.getDx().replaceAllUsesWith(fused);
    op.erase();
    dgrad.erase();
    return success();
  }

  /// vocabulary_loss whose gradient is taken -> the gradient op's own row_loss.
  static LogicalResult fuseLoss(nn::VocabularyLossOp op) {
    for (Operation *user : op.getX().getUsers()) {
      auto grad = dyn_cast<nn::VocabularyLossGradOp>(user);
      if (!grad || grad.getX() != op.getX() || grad.getWeight() != op.getWeight() ||
          grad.getLabels() != op.getLabels() || grad.getBias() != op.getBias() ||
          llvm::any_of(op->getUsers(),
                       [&](Operation *reader) { return reader->isBeforeInBlock(grad); }))
        continue;
      op.getRowLoss().replaceAllUsesWith(grad.getRowLoss());
      op.erase();
      return success();
    }
    return failure();
  }

  /// linear_dgrad, add -> linear_dgrad with `addend`, at the place of the add.
  static LogicalResult fuseAddend(nn::AddOp op) {
    for (auto [sum, addend] : {std::pair(op.getB(), op.getA()), std::pair(op.getA(), op.getB())}) {
      auto dgrad = sum.getDefiningOp<nn::LinearDgradOp>();
      if (!dgrad || !sum.hasOneUse() || dgrad.getAddend() || sum == addend)
        continue;
      OpBuilder builder(op);
      Value fused = nn::LinearDgradOp::create(builder, dgrad.getLoc(), op.getY().getType(),
                                              dgrad.getDy(), dgrad.getWeight(), dgrad.getPre(),
                                              addend, dgrad.getActivation());
      op.getY().replaceAllUsesWith(fused);
      op.erase();
      dgrad.erase();
      return success();
    }
    return failure();
  }
};

} // namespace
} // namespace ftc
