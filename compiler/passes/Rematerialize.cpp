// Copies of forward ops where the backward reads them first, and the candidates' frontier.
#include "compiler/passes/Rematerialize.h"

#include "compiler/analysis/FusedTail.h"
#include "compiler/analysis/Liveness.h"
#include "compiler/passes/Optimizers.h"
#include "compiler/passes/Programs.h"

#include "llvm/ADT/DenseSet.h"

#include <algorithm>
#include <tuple>

using namespace mlir;

namespace ftc {
namespace {

/// Slopes of the values' weights. With a small one the cheapest bytes at the loss, where most
/// lives, are chosen, and it only orders equal layers; with a large one what is read late
/// counts most, which is what a peak further back in the backward needs.
constexpr double kSlopes[] = {1.0 / 64, 1, 16};

/// One program whose backward reads copies.
class Rematerializer {
public:
  Rematerializer(func::FuncOp function, ArrayRef<ForwardPart> parts)
      : builder(function.getContext()) {
    SmallVector<Operation *> order;
    for (Operation &op : function.front())
      order.push_back(&op);
    for (const ForwardPart &part : parts)
      (part.tail ? tails : again).insert(order[part.place]);
  }

  /// Turns the operands of a backward op to copies.
  void redirect(Operation *reader) {
    for (OpOperand &operand : reader->getOpOperands()) {
      if (!isAgain(operand.get()))
        continue;
      redirected.insert(operand.get());
      operand.set(copyOf(operand.get(), reader));
    }
  }

  unsigned count() const { return redirected.size(); }

private:
  bool isAgain(Value value) const {
    Operation *op = value.getDefiningOp();
    if (!op)
      return false;
    std::optional<FusedTail> tail = tailOf(op);
    return (tail && value != tail->from ? tails : again).contains(op);
  }

  /// The copy of `value`, made before `place` where there is none yet.
  Value copyOf(Value value, Operation *place) {
    if (Value copy = known.lookup(value))
      return copy;
    Operation *op = value.getDefiningOp();
    if (!again.contains(op)) {
      FusedTail tail = *tailOf(op);
      builder.setInsertionPoint(place);
      for (auto [old, made] :
           llvm::zip_equal(tail.results, createTail(builder, op, tail.from)->getResults()))
        known[old] = made;
      return known.lookup(value);
    }
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(isAgain(operand) ? copyOf(operand, place) : operand);
    builder.setInsertionPoint(place);
    Operation *copy = builder.clone(*op);
    copy->setOperands(operands);
    for (auto [old, made] : llvm::zip_equal(op->getResults(), copy->getResults()))
      known[old] = made;
    return known.lookup(value);
  }

  OpBuilder builder;
  llvm::DenseSet<Operation *> again, tails;
  llvm::DenseMap<Value, Value> known;
  llvm::DenseSet<Value> redirected;
};

/// A product whose value before the activation is read alone needs no activation, one whose
/// value is read behind it alone keeps only that.
template <typename Op> void trim(Op op) {
  if (!op.getPre() || (!op.getY().use_empty() && !op.getPre().use_empty()))
    return;
  bool before = op.getY().use_empty();
  if (before && op.getPre().use_empty())
    return;
  OpBuilder builder(op);
  OperationState state(op.getLoc(), Op::getOperationName());
  state.addOperands(op->getOperands());
  state.addAttributes(op->getAttrs());
  state.addTypes((before ? op.getPre() : op.getY()).getType());
  auto only = cast<Op>(builder.create(state));
  if (before)
    only.setActivation(nn::Activation::None);
  Value kept = before ? op.getPre() : op.getY();
  kept.replaceAllUsesWith(only.getY());
  op.erase();
}

} // namespace

unsigned rematerialize(func::FuncOp function, ArrayRef<ForwardPart> again) {
  Operation *seed = backwardSeed(function);
  if (!seed || again.empty())
    return 0;
  Rematerializer copies(function, again);
  SmallVector<Operation *> backward;
  for (Operation *op = seed; !op->hasTrait<OpTrait::IsTerminator>(); op = op->getNextNode())
    backward.push_back(op);
  for (Operation *op : backward)
    copies.redirect(op);
  for (Operation &op : llvm::make_early_inc_range(function.front())) {
    if (auto linear = dyn_cast<nn::LinearOp>(op))
      trim(linear);
    else if (auto product = dyn_cast<nn::LowRankLinearOp>(op))
      trim(product);
  }
  eraseDead(function);
  delayUpdates(function);
  return copies.count();
}

std::vector<RecomputeCandidate> recomputeCandidates(func::FuncOp function,
                                                    const SpaceSizes &sizes) {
  struct Ranked {
    RecomputeCandidate candidate;
    double cost;
  };
  std::vector<Ranked> all;
  double before = flopsOf(function, sizes);
  double live = peakBytes(programOrder(function), sizes);
  for (double slope : kSlopes)
    for (const RecomputeChoice &choice : RecomputeGraph(function, sizes, slope).frontier()) {
      OwningOpRef<func::FuncOp> copy(function.clone());
      unsigned values = rematerialize(*copy, choice.again);
      all.push_back({{choice.price, slope, flopsOf(*copy, sizes) - before,
                      peakBytes(programOrder(*copy), sizes), values},
                     choice.cost});
    }
  std::sort(all.begin(), all.end(), [](const Ranked &a, const Ranked &b) {
    return std::tie(a.cost, a.candidate.liveBytes, a.candidate.slope, a.candidate.price) <
           std::tie(b.cost, b.candidate.liveBytes, b.candidate.slope, b.candidate.price);
  });
  std::vector<RecomputeCandidate> frontier;
  for (const Ranked &one : all)
    if (one.candidate.liveBytes < live) {
      live = one.candidate.liveBytes;
      frontier.push_back(one.candidate);
    }
  return frontier;
}

} // namespace ftc
