// Live bytes of a program in a given order: values live from their op to their last reader.
#include "compiler/analysis/Liveness.h"

#include "compiler/analysis/GradientSums.h"
#include "compiler/passes/Optimizers.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/TypeSwitch.h"

#include <algorithm>

using namespace mlir;

namespace ftc {

FailureOr<SpaceSizes> readSpaceSizes(ArrayRef<std::string> texts) {
  SpaceSizes sizes;
  sizes["tokens"] = sizes["target"] = sizes["labelled"] = 2048;
  sizes["sequences"] = 16;
  for (const char *ids : {"input_ids", "token_type_ids", "position_ids", "target_ids",
                          "target_position_ids"})
    sizes[std::string(ids) + ".unique"] = 1024;
  for (const std::string &text : texts) {
    auto [name, number] = llvm::StringRef(text).split('=');
    std::int64_t size = 0;
    if (name.empty() || number.getAsInteger(10, size) || size < 0)
      return failure();
    sizes[name] = size;
  }
  return sizes;
}

double arenaBytes(Value value, const SpaceSizes &sizes) {
  Operation *op = value.getDefiningOp();
  if (!op || isa<nn::AccumulateOp>(op) || isUpdate(op))
    return 0;
  if (value.hasOneUse() && isa<nn::AccumulateOp>(*value.getUsers().begin()))
    return 0;
  return nn::bytesOf(value.getType(), sizes);
}

double temporaryBytes(Operation *op, const SpaceSizes &sizes) {
  if (auto dgrad = dyn_cast<nn::LinearDgradOp>(op))
    return nn::bytesOf(dgrad.getWeight().getType(), sizes);
  if (auto dgrad = dyn_cast<nn::LowRankDgradOp>(op))
    return nn::bytesOf(dgrad.getWeight().getType(), sizes) +
           nn::bytesOf(dgrad.getFactor().getType(), sizes);
  return 0;
}

SmallVector<Value> replaceableOperands(Operation *op) {
  return llvm::TypeSwitch<Operation *, SmallVector<Value>>(op)
      .Case<nn::ActivationOp, nn::DropoutOp, nn::ScaleOp>(
          [](auto one) { return SmallVector<Value>{one.getX()}; })
      .Case([](nn::ActivationGradOp grad) { return SmallVector<Value>{grad.getDy()}; })
      .Case(
          [](nn::GatedOp gated) { return SmallVector<Value>{gated.getGate(), gated.getUp()}; })
      .Default(SmallVector<Value>());
}

namespace {

/// Bytes that begin to live with an op, and those that end behind it.
class LiveBytes {
public:
  explicit LiveBytes(ArrayRef<Operation *> order)
      : begun(order.size(), 0.0), ended(order.size() + 1, 0.0) {
    for (auto [index, op] : llvm::enumerate(order))
      position[op] = index;
  }

  /// Adds what lives from the op `first` to the last reader of `value`.
  void add(Operation *first, Value value, double bytes) {
    begun[position.at(first)] += bytes;
    ended[lastOf(first, value)] += bytes;
  }

  /// Where the last reader of `value`, made by `first`, stands.
  unsigned lastOf(Operation *first, Value value) const {
    unsigned last = position.at(first);
    for (Operation *user : value.getUsers()) {
      auto found = position.find(user);
      last = std::max<unsigned>(last, found == position.end() ? begun.size() : found->second);
    }
    return last;
  }

  /// What is alive during each op.
  SmallVector<double> along() const {
    SmallVector<double> result;
    double live = 0;
    for (unsigned index = 0; index < begun.size(); ++index) {
      live += begun[index];
      result.push_back(live);
      live -= ended[index];
    }
    return result;
  }

private:
  llvm::DenseMap<Operation *, unsigned> position;
  SmallVector<double> begun, ended;
};

} // namespace

SmallVector<double> liveBytes(ArrayRef<Operation *> order, const SpaceSizes &sizes) {
  LiveBytes live(order);
  llvm::DenseSet<Value> summed;
  if (!order.empty())
    for (const GradientSum &sum :
         gradientSums(order.front()->getParentOfType<func::FuncOp>())) {
      for (nn::AddOp add : sum.sums)
        summed.insert(add.getY());
      summed.insert_range(sum.shares);
      live.add(sum.shares.front().getDefiningOp(), sum.total, arenaBytes(sum.total, sizes));
    }
  for (Operation *op : order)
    for (Value result : op->getResults())
      if (!summed.contains(result))
        live.add(op, result, arenaBytes(result, sizes));
  SmallVector<double> along = live.along();
  for (auto [index, op] : llvm::enumerate(order)) {
    double replaced = 0;
    for (Value operand : replaceableOperands(op))
      if (Operation *maker = operand.getDefiningOp();
          maker && live.lastOf(maker, operand) == index &&
          operand.getType() == op->getResult(0).getType())
        replaced = std::min(arenaBytes(operand, sizes), arenaBytes(op->getResult(0), sizes));
    along[index] += temporaryBytes(op, sizes) - replaced;
  }
  return along;
}

double peakBytes(ArrayRef<Operation *> order, const SpaceSizes &sizes) {
  double peak = 0;
  for (double live : liveBytes(order, sizes))
    peak = std::max(peak, live);
  return peak;
}

SmallVector<Operation *> programOrder(func::FuncOp function) {
  SmallVector<Operation *> order;
  for (Operation &op : function.front().without_terminator())
    order.push_back(&op);
  return order;
}

} // namespace ftc
