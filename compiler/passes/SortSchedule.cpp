// Lists the backward of each program anew, so that fewer bytes live at once.
#include "compiler/passes/Optimizers.h"
#include "compiler/passes/Passes.h"

#include "compiler/analysis/Liveness.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_SORTSCHEDULE
#include "compiler/passes/Passes.h.inc"

namespace {

/// A greedy list schedule of the ops from `begin` on; those before it stay.
class ListSchedule {
public:
  ListSchedule(ArrayRef<Operation *> order, unsigned begin, const SpaceSizes &sizes)
      : order(order), begin(begin), sizes(sizes) {
    for (auto [index, op] : llvm::enumerate(order))
      position[op] = index;
    waiting.assign(order.size(), 0);
    followers.resize(order.size());
    for (unsigned index = begin; index < order.size(); ++index)
      addDependencies(index);
  }

  SmallVector<Operation *> run() {
    SmallVector<Operation *> result(order.take_front(begin));
    SmallVector<bool> done(order.size(), false);
    for (unsigned index = 0; index < begin; ++index)
      finish(index, done);
    while (result.size() < order.size()) {
      unsigned best = order.size();
      double bestGrowth = 0;
      for (unsigned index = begin; index < order.size(); ++index) {
        if (done[index] || waiting[index] != 0)
          continue;
        double growth = growthOf(index);
        if (best == order.size() || growth < bestGrowth) {
          best = index;
          bestGrowth = growth;
        }
      }
      result.push_back(order[best]);
      finish(best, done);
    }
    return result;
  }

private:
  void follow(Operation *first, unsigned then) {
    auto found = position.find(first);
    if (found == position.end() || found->second < begin || found->second == then)
      return;
    followers[found->second].push_back(then);
    ++waiting[then];
  }

  /// Definitions before uses; an update or accumulation behind the other readers of the
  /// argument whose storage it takes over.
  void addDependencies(unsigned index) {
    Operation *op = order[index];
    for (Value operand : op->getOperands()) {
      if (Operation *definition = operand.getDefiningOp()) {
        follow(definition, index);
      } else if (overwrites(op, operand)) {
        for (Operation *reader : operand.getUsers())
          if (!overwrites(reader, operand))
            follow(reader, index);
      }
    }
  }

  void finish(unsigned index, SmallVectorImpl<bool> &done) {
    done[index] = true;
    scheduled.insert(order[index]);
    for (unsigned follower : followers[index])
      --waiting[follower];
  }

  /// Bytes the op makes minus bytes whose last reader it is.
  double growthOf(unsigned index) {
    Operation *op = order[index];
    double growth = 0;
    for (Value result : op->getResults())
      growth += result.use_empty() ? 0 : arenaBytes(result, sizes);
    llvm::SmallPtrSet<Value, 8> operands;
    operands.insert(op->operand_begin(), op->operand_end());
    for (Value operand : operands) {
      bool last = llvm::all_of(operand.getUsers(), [&](Operation *user) {
        return user == op || scheduled.contains(user);
      });
      if (last)
        growth -= arenaBytes(operand, sizes);
    }
    return growth;
  }

  ArrayRef<Operation *> order;
  unsigned begin;
  const SpaceSizes &sizes;
  llvm::DenseMap<Operation *, unsigned> position;
  SmallVector<unsigned> waiting;
  SmallVector<SmallVector<unsigned>> followers;
  llvm::SmallPtrSet<Operation *, 32> scheduled;
};

struct SortSchedulePass : impl::SortScheduleBase<SortSchedulePass> {
  using SortScheduleBase::SortScheduleBase;

  void runOnOperation() override {
    FailureOr<SpaceSizes> sizes =
        readSpaceSizes(SmallVector<std::string>(spaces.begin(), spaces.end()));
    if (failed(sizes)) {
      getOperation().emitError("ftc-sort-schedule: expected spaces as name=size");
      return signalPassFailure();
    }
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!programName(function).empty())
        sortProgram(function, *sizes);
  }

  void sortProgram(func::FuncOp function, const SpaceSizes &sizes) {
    SmallVector<Operation *> order = programOrder(function);
    auto seed = llvm::find_if(order, [](Operation *op) { return isa<nn::LossSeedOp>(op); });
    if (seed == order.end())
      return;
    SmallVector<Operation *> sorted =
        ListSchedule(order, seed - order.begin(), sizes).run();
    double before = peakBytes(order, sizes), after = peakBytes(sorted, sizes);
    auto options = remark::RemarkOpts::name("order")
                       .category("ftc-sort-schedule")
                       .function(function.getName());
    if (after >= before) {
      remark::missed(function.getLoc(), options)
          << ("@" + function.getName() + " keeps its order: no other found lives in less").str();
      return;
    }
    Operation *terminator = function.front().getTerminator();
    for (Operation *op : sorted)
      op->moveBefore(terminator);
    ++reorderedPrograms;
    remark::passed(function.getLoc(), options)
        << ("@" + function.getName() + ": about " +
            llvm::Twine(static_cast<std::int64_t>(before)) + " -> " +
            llvm::Twine(static_cast<std::int64_t>(after)) + " live bytes")
               .str();
  }
};

} // namespace
} // namespace ftc
