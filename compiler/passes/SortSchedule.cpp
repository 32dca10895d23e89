// Orders the backward of each program anew, so that fewer bytes live at once.
#include "compiler/passes/Optimizers.h"
#include "compiler/passes/Passes.h"

#include "compiler/analysis/Liveness.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/MapVector.h"

#include <algorithm>

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

/// Moves ops from `begin` on towards their first readers where fewer bytes live on the way:
/// what the backward makes again need not stand before the input gradient that comes first. The
/// bytes before an op's old place and behind its new one stay the same, so that no peak rises.
class Sinking {
public:
  Sinking(ArrayRef<Operation *> order, unsigned begin, const SpaceSizes &sizes)
      : order(order), begin(begin), sizes(sizes) {
    for (auto [index, op] : llvm::enumerate(order))
      position[op] = index;
  }

  SmallVector<Operation *> run() {
    SmallVector<double> live = liveBytes(order, sizes);
    for (unsigned from = order.size(); from-- > begin;) {
      unsigned to = lastPlace(from);
      if (to == from || !makesBytes(order[from]))
        continue;
      move(from, to);
      SmallVector<double> moved = liveBytes(order, sizes);
      if (peakOf(moved, from, to) < peakOf(live, from, to))
        live = moved;
      else
        move(to, from);
    }
    return order;
  }

private:
  bool makesBytes(Operation *op) const {
    return llvm::any_of(op->getResults(),
                        [&](Value result) { return arenaBytes(result, sizes) > 0; });
  }

  /// The last place of the op at `from` that is before all its readers, and before what
  /// replaces an argument that it reads.
  unsigned lastPlace(unsigned from) const {
    Operation *op = order[from];
    unsigned end = order.size();
    auto before = [&](Operation *other) {
      if (auto found = position.find(other); found != position.end())
        end = std::min(end, found->second);
    };
    for (Operation *reader : op->getUsers())
      before(reader);
    for (Value operand : op->getOperands())
      for (Operation *user : operand.getUsers())
        if (user != op && overwrites(user, operand))
          before(user);
    return end > from && end < order.size() ? end - 1 : from;
  }

  void move(unsigned from, unsigned to) {
    auto at = order.begin();
    if (from < to)
      std::rotate(at + from, at + from + 1, at + to + 1);
    else
      std::rotate(at + to, at + from, at + from + 1);
    for (unsigned index = std::min(from, to); index <= std::max(from, to); ++index)
      position[order[index]] = index;
  }

  static double peakOf(ArrayRef<double> live, unsigned from, unsigned to) {
    return *std::max_element(live.begin() + from, live.begin() + to + 1);
  }

  SmallVector<Operation *> order;
  unsigned begin;
  const SpaceSizes &sizes;
  llvm::DenseMap<Operation *, unsigned> position;
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
    unsigned begin = seed - order.begin();
    SmallVector<Operation *> listed = ListSchedule(order, begin, sizes).run();
    double before = peakBytes(order, sizes), after = before;
    SmallVector<Operation *> sorted = order;
    for (const SmallVector<Operation *> &other :
         {listed, Sinking(order, begin, sizes).run(), Sinking(listed, begin, sizes).run()})
      if (double peak = peakBytes(other, sizes); peak < after) {
        after = peak;
        sorted = other;
      }
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
