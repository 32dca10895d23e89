// Fuses a linear product and the narrow one that is added to it, forward and backward.
#include "compiler/passes/Passes.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_FUSELOWRANK
#include "compiler/passes/Passes.h.inc"

namespace {

/// The widest second product that is worth a fusion: one panel or two of its left operand.
constexpr std::int64_t kMostRank = 64;

std::int64_t dimension(Value matrix, unsigned index) {
  return cast<RankedTensorType>(matrix.getType()).getDimSize(index);
}

bool isNarrow(std::int64_t rank, std::int64_t inner) {
  return rank <= kMostRank && rank < inner;
}

/// Whether `value` is usable at `op`: an argument, or defined before it in the same block.
bool dominates(Value value, Operation *op) {
  Operation *definition = value.getDefiningOp();
  return !definition || definition->isBeforeInBlock(op);
}

/// A linear layer that nothing but one sum reads, without an activation.
nn::LinearOp plainLinear(Value value) {
  auto op = value.getDefiningOp<nn::LinearOp>();
  return op && value.hasOneUse() && op.getActivation() == nn::Activation::None ? op
                                                                               : nn::LinearOp();
}

nn::LinearDgradOp plainDgrad(Value value) {
  auto op = value.getDefiningOp<nn::LinearDgradOp>();
  return op && value.hasOneUse() && !op.getPre() && !op.getAddend() ? op : nn::LinearDgradOp();
}

struct FuseLowRankPass : impl::FuseLowRankBase<FuseLowRankPass> {
  using FuseLowRankBase::FuseLowRankBase;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (programName(function).empty())
        continue;
      unsigned forward = 0, backward = 0;
      for (auto op : llvm::make_early_inc_range(function.front().getOps<nn::AddOp>())) {
        if (succeeded(fuseForward(op)))
          ++forward;
        else if (succeeded(fuseBackward(op)))
          ++backward;
      }
      fusedForward += forward;
      fusedBackward += backward;
      if (forward + backward > 0)
        remark::passed(function.getLoc(), remark::RemarkOpts::name("low-rank")
                                              .category("ftc-fuse-low-rank")
                                              .function(function.getName()))
            << (llvm::Twine(forward + backward) + " narrow products fused in @" +
                function.getName())
                   .str();
    }
  }

  /// add(linear(x, W, b), linear(u, F)) -> low_rank_linear, with an activation that reads the
  /// sum; other readers of it then read `pre`.
  static LogicalResult fuseForward(nn::AddOp op) {
    for (auto [left, right] :
         {std::pair(op.getA(), op.getB()), std::pair(op.getB(), op.getA())}) {
      nn::LinearOp base = plainLinear(left), narrow = plainLinear(right);
      if (!base || !narrow || base == narrow || narrow.getBias() ||
          !isNarrow(dimension(narrow.getWeight(), 1), dimension(base.getWeight(), 1)))
        continue;
      nn::ActivationOp activation;
      unsigned activations = 0;
      for (Operation *user : op.getY().getUsers())
        if (auto found = dyn_cast<nn::ActivationOp>(user)) {
          activation = found;
          ++activations;
        }
      Type type = op.getY().getType();
      bool fusesActivation = activations == 1;
      bool keepsPre = fusesActivation && !op.getY().hasOneUse();
      OpBuilder builder(op);
      auto fused = nn::LowRankLinearOp::create(
          builder, op.getLoc(), type, keepsPre ? type : Type(), base.getX(), base.getWeight(),
          narrow.getX(), narrow.getWeight(), base.getBias(),
          fusesActivation ? activation.getKind() : nn::Activation::None);
      if (fusesActivation) {
        activation.getY().replaceAllUsesWith(fused.getY());
        activation.erase();
      }
      op.getY().replaceAllUsesWith(keepsPre ? fused.getPre() : fused.getY());
      op.erase();
      base.erase();
      narrow.erase();
      return success();
    }
    return failure();
  }

  /// add(dgrad(du, F), dgrad(dy, W)), also with a sum between them, -> low_rank_dgrad.
  static LogicalResult fuseBackward(nn::AddOp op) {
    for (auto [left, right] :
         {std::pair(op.getA(), op.getB()), std::pair(op.getB(), op.getA())}) {
      nn::LinearDgradOp base = plainDgrad(right);
      if (!base)
        continue;
      if (nn::LinearDgradOp narrow = narrowBeside(left, base)) {
        replace(op, base, narrow, Value());
        return success();
      }
      auto sum = left.getDefiningOp<nn::AddOp>();
      if (!sum || !left.hasOneUse())
        continue;
      for (auto [other, value] :
           {std::pair(sum.getA(), sum.getB()), std::pair(sum.getB(), sum.getA())})
        if (nn::LinearDgradOp narrow = narrowBeside(value, base);
            narrow && dominates(other, narrow)) {
          Value addend = other;
          replace(op, base, narrow, addend);
          sum.erase();
          narrow.erase();
          return success();
        }
    }
    return failure();
  }

  static nn::LinearDgradOp narrowBeside(Value value, nn::LinearDgradOp base) {
    nn::LinearDgradOp narrow = plainDgrad(value);
    bool fits = narrow && narrow != base && dominates(base.getDy(), narrow) &&
                isNarrow(dimension(narrow.getWeight(), 0), dimension(base.getWeight(), 0));
    return fits ? narrow : nn::LinearDgradOp();
  }

  /// Replaces the sum `op`, where `narrow` stands: a weight is read no later than before, so
  /// that its update may stay where it is. Without an addend, an activation gradient that alone
  /// reads the sum goes along. `narrow` is erased, unless a sum between still reads it.
  static void replace(nn::AddOp op, nn::LinearDgradOp base, nn::LinearDgradOp narrow,
                      Value addend) {
    Operation *last = op;
    Value pre;
    nn::Activation kind = nn::Activation::None;
    if (!addend && op.getY().hasOneUse())
      if (auto grad = dyn_cast<nn::ActivationGradOp>(*op.getY().getUsers().begin());
          grad && grad.getDy() == op.getY() && dominates(grad.getX(), narrow)) {
        last = grad;
        pre = grad.getX();
        kind = grad.getKind();
      }
    OpBuilder builder(narrow);
    Value fused = nn::LowRankDgradOp::create(builder, op.getLoc(), op.getY().getType(),
                                             base.getDy(), base.getWeight(), narrow.getDy(),
                                             narrow.getWeight(), pre, addend, kind);
    last->getResult(0).replaceAllUsesWith(fused);
    if (last != op)
      last->erase();
    op.erase();
    base.erase();
    if (narrow.getDx().use_empty())
      narrow.erase();
  }
};

} // namespace
} // namespace ftc
