// Trees of nn.add over gradients of tables.
#include "compiler/analysis/GradientSums.h"

using namespace mlir;

namespace ftc {

/// Collects the shares and sums of `sum.total`; fails where a share cannot be added in place.
static LogicalResult collect(GradientSum &sum) {
  SmallVector<Value> pending{sum.total};
  while (!pending.empty()) {
    Value share = pending.pop_back_val();
    if (auto add = share.getDefiningOp<nn::AddOp>()) {
      if (!add.getA().hasOneUse() || !add.getB().hasOneUse())
        return failure();
      sum.sums.push_back(add);
      pending.append({add.getA(), add.getB()});
    } else if (Operation *producer = share.getDefiningOp();
               producer && isa<nn::EmbeddingGradOp, nn::VocabularyLossGradOp>(producer)) {
      sum.shares.push_back(share);
    } else {
      return failure();
    }
  }
  llvm::sort(sum.shares, [](Value a, Value b) {
    return a.getDefiningOp()->isBeforeInBlock(b.getDefiningOp());
  });
  return success();
}

std::vector<GradientSum> gradientSums(func::FuncOp function) {
  std::vector<GradientSum> sums;
  for (auto op : function.front().getOps<nn::AddOp>()) {
    if (llvm::any_of(op->getUsers(), [](Operation *user) { return isa<nn::AddOp>(user); }))
      continue; // part of a larger sum
    GradientSum sum{op.getY(), {}, {}};
    if (succeeded(collect(sum)))
      sums.push_back(std::move(sum));
  }
  return sums;
}

} // namespace ftc
