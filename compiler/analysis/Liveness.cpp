// Live bytes of a program in a given order: values live from their op to their last reader.
#include "compiler/analysis/Liveness.h"

#include "compiler/passes/Optimizers.h"

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

SmallVector<double> liveBytes(ArrayRef<Operation *> order, const SpaceSizes &sizes) {
  llvm::DenseMap<Operation *, unsigned> position;
  for (auto [index, op] : llvm::enumerate(order))
    position[op] = index;
  // Bytes that end behind each op.
  SmallVector<double> freed(order.size() + 1, 0.0), result;
  double live = 0;
  for (auto [index, op] : llvm::enumerate(order)) {
    for (Value result : op->getResults()) {
      double bytes = arenaBytes(result, sizes);
      unsigned last = index;
      for (Operation *user : result.getUsers()) {
        auto found = position.find(user);
        last = std::max<unsigned>(last, found == position.end() ? order.size() : found->second);
      }
      live += bytes;
      freed[last] += bytes;
    }
    result.push_back(live + temporaryBytes(op, sizes));
    live -= freed[index];
  }
  return result;
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
