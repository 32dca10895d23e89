// Launches that do not depend on each other become one: a GPU's queue is shorter, and what they
// read alike is read once.
#include "compiler/passes/Passes.h"

#include "compiler/analysis/ArenaPlacement.h"
#include "compiler/analysis/BufferLives.h"
#include "dialects/plan/Plan.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/xxhash.h"

#include <algorithm>

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_GROUPLAUNCHES
#include "compiler/passes/Passes.h.inc"

namespace {

/// How many commands may lie between two launches of a group, about a layer's: beyond that more
/// values wait for longer. And what a group may hold: a kernel of many bodies takes the
/// registers of the largest, and room in the instruction cache.
constexpr std::size_t kReach = 32, kMostMembers = 16, kMostRuns = 4;
/// The part of the arena that it may grow by: other lives leave other gaps between them.
constexpr std::int64_t kMoreArena = 32;

/// A command with the buffers that it uses.
struct Command {
  Operation *op;
  plan::KernelOp kernel; ///< of a launch
  struct Use {
    unsigned buffer;
    bool writes;
  };
  SmallVector<Use> uses;
};

/// Commands that are one launch, or one that is no launch.
using Slot = SmallVector<unsigned>;

/// One program.
class Grouping {
public:
  Grouping(plan::VariantOp variant, plan::ProgramOp program, const BufferSizes &sizes)
      : variant(variant), program(program), sizes(sizes) {}

  /// Groups launches where the arena stays as small as it is; tells whether there were any.
  FailureOr<bool> run();

  unsigned launches = 0, before = 0, groups = 0;

private:
  LogicalResult collect();
  bool fit(const Command &a, const Command &b) const;
  bool fit(const Slot &slot, unsigned command) const;
  bool conflict(unsigned a, unsigned b) const;
  bool conflict(const Slot &a, const Slot &b) const;
  void form(std::int64_t limit);
  bool join(std::size_t at, std::int64_t limit);
  SmallVector<std::int64_t> liveBytes(ArrayRef<Slot> order) const;
  std::int64_t place();
  /// Members of a group by their runs: neighbours of one kernel over one grid.
  SmallVector<Slot> runsOf(const Slot &slot) const;
  plan::KernelOp kernelOf(ArrayRef<Slot> runs);
  void apply();

  plan::VariantOp variant;
  plan::ProgramOp program;
  const BufferSizes &sizes;
  SmallVector<Command> commands;
  SmallVector<plan::BufferOp> buffers;
  SmallVector<std::int64_t> bytes;          ///< of arena buffers, 0 of others
  SmallVector<llvm::SmallBitVector> shared; ///< which buffers may share memory
  SmallVector<Slot> slots;
  SmallVector<ArenaLife> lives; ///< of the arena's buffers, in their order
};

} // namespace

LogicalResult Grouping::collect() {
  llvm::DenseMap<Value, unsigned> index;
  for (Operation &op : program.getBody().front()) {
    if (auto buffer = dyn_cast<plan::BufferOp>(op)) {
      FailureOr<std::int64_t> elements = sizes.elements(buffer);
      if (failed(elements))
        return failure();
      index[buffer.getBuffer()] = buffers.size();
      buffers.push_back(buffer);
      bool arena = buffer.getSegment() == plan::Segment::Arena;
      bytes.push_back(arena ? placedBytes(*elements * bytesOf(buffer.getDtype())) : 0);
      continue;
    }
    Command command{&op, {}, {}};
    if (auto launch = dyn_cast<plan::LaunchOp>(op)) {
      ++before;
      command.kernel =
          cast<plan::KernelOp>(SymbolTable::lookupSymbolIn(variant, launch.getKernelAttr()));
      for (auto [operand, access] : llvm::zip_equal(launch.getOperands(), launch.getAccess()))
        command.uses.push_back(
            {index.lookup(operand), static_cast<plan::Access>(access) != plan::Access::Read});
    } else if (auto fill = dyn_cast<plan::FillOp>(op)) {
      command.uses.push_back({index.lookup(fill.getTarget()), true});
    } else {
      auto copy = cast<plan::CopyOp>(op);
      command.uses.push_back({index.lookup(copy.getSource()), false});
      command.uses.push_back({index.lookup(copy.getTarget()), true});
    }
    commands.push_back(std::move(command));
  }
  for (plan::BufferOp a : buffers) {
    llvm::SmallBitVector &row = shared.emplace_back(buffers.size());
    for (auto [k, b] : llvm::enumerate(buffers))
      row[k] = mayOverlap(a, b, sizes);
  }
  return success();
}

/// Whether one kernel can run both: it would have either's threads, shared memory and blocks.
bool Grouping::fit(const Command &a, const Command &b) const {
  plan::KernelOp x = a.kernel, y = b.kernel;
  return x && y && x.getThreads() && x.getThreads() == y.getThreads() &&
         x.getSharedBytes() == y.getSharedBytes() && x.getResident() == y.getResident();
}

bool Grouping::fit(const Slot &slot, unsigned command) const {
  if (!fit(commands[slot.front()], commands[command]) || slot.size() >= kMostMembers ||
      command - *llvm::min_element(slot) > kReach)
    return false;
  Slot together = slot;
  together.push_back(command);
  return runsOf(together).size() <= kMostRuns;
}

bool Grouping::conflict(unsigned a, unsigned b) const {
  for (const Command::Use &x : commands[a].uses)
    for (const Command::Use &y : commands[b].uses)
      if ((x.writes || y.writes) && shared[x.buffer][y.buffer])
        return true;
  return false;
}

bool Grouping::conflict(const Slot &a, const Slot &b) const {
  return llvm::any_of(a, [&](unsigned x) {
    return llvm::any_of(b, [&](unsigned y) { return conflict(x, y); });
  });
}

/// Bytes of the arena that live at each slot, and then at each command that has none yet.
SmallVector<std::int64_t> Grouping::liveBytes(ArrayRef<Slot> order) const {
  SmallVector<std::pair<int, int>> spans(buffers.size(), {-1, -1});
  int at = 0;
  auto use = [&](unsigned command) {
    for (const Command::Use &use : commands[command].uses) {
      auto &[first, last] = spans[use.buffer];
      first = first < 0 ? at : first;
      last = at;
    }
  };
  unsigned placed = 0;
  for (const Slot &slot : order) {
    for (unsigned command : slot)
      use(command);
    placed += slot.size();
    ++at;
  }
  for (; placed < commands.size(); ++placed, ++at)
    use(placed);
  SmallVector<std::int64_t> live(at + 1, 0);
  for (auto [span, size] : llvm::zip_equal(spans, bytes))
    if (span.first >= 0) {
      live[span.first] += size;
      live[span.second + 1] -= size;
    }
  for (std::size_t i = 1; i < live.size(); ++i)
    live[i] += live[i - 1];
  return live;
}

namespace {
/// What an order of commands takes of the arena: the bytes above a limit, summed over its
/// slots, and all of them.
struct ArenaCost {
  std::int64_t above = 0, all = 0;
  ArenaCost(ArrayRef<std::int64_t> live, std::int64_t limit) {
    for (std::int64_t bytes : live) {
      above += std::max<std::int64_t>(0, bytes - limit);
      all += bytes;
    }
  }
};
} // namespace

/// Lets the last slot, a single launch, join the one at `at`: there, or here, whichever keeps
/// less, where no more lives above `limit` than before.
bool Grouping::join(std::size_t at, std::int64_t limit) {
  const Slot &mine = slots.back();
  if (conflict(slots[at], mine))
    return false;
  ArrayRef<Slot> between = ArrayRef<Slot>(slots).drop_front(at + 1).drop_back();
  bool up = llvm::none_of(between, [&](const Slot &slot) { return conflict(slot, mine); });
  bool down =
      llvm::none_of(between, [&](const Slot &slot) { return conflict(slot, slots[at]); });
  if (!up && !down)
    return false;
  Slot joined = slots[at];
  joined.append(mine);
  std::int64_t most = ArenaCost(liveBytes(slots), limit).above;
  std::optional<SmallVector<Slot>> best;
  std::int64_t least = 0;
  for (bool here : {false, true}) {
    if (here ? !down : !up)
      continue;
    SmallVector<Slot> order(slots.begin(), slots.end() - 1);
    if (here) {
      order.erase(order.begin() + at);
      order.push_back(joined);
    } else {
      order[at] = joined;
    }
    ArenaCost cost(liveBytes(order), limit);
    if (cost.above > most || (best && cost.all >= least))
      continue;
    least = cost.all;
    best = std::move(order);
  }
  if (!best)
    return false;
  slots = std::move(*best);
  return true;
}

/// Groups in program order, each launch with the nearest that it can join.
void Grouping::form(std::int64_t limit) {
  slots.clear();
  for (unsigned command = 0; command < commands.size(); ++command) {
    slots.push_back({command});
    if (!commands[command].kernel)
      continue;
    std::size_t mine = slots.size() - 1, reach = std::min(mine, kReach);
    for (std::size_t back = 1; back <= reach; ++back)
      if (fit(slots[mine - back], command) && join(mine - back, limit))
        break;
  }
}

/// Places the arena's buffers for the order of slots; gives its end.
std::int64_t Grouping::place() {
  lives.assign(buffers.size(), {});
  for (auto [at, slot] : llvm::enumerate(slots))
    for (unsigned command : slot)
      for (const Command::Use &use : commands[command].uses) {
        ArenaLife &life = lives[use.buffer];
        life.first = life.bytes ? life.first : static_cast<int>(at);
        life.last = static_cast<int>(at);
        life.bytes = bytes[use.buffer];
      }
  SmallVector<ArenaLife> used;
  for (const ArenaLife &life : lives)
    if (life.bytes)
      used.push_back(life);
  std::int64_t end = placeArena(used);
  const ArenaLife *next = used.begin();
  for (ArenaLife &life : lives)
    if (life.bytes)
      life = *next++;
  return end;
}

SmallVector<Slot> Grouping::runsOf(const Slot &slot) const {
  SmallVector<Slot> runs;
  for (unsigned command : slot) {
    auto launch = cast<plan::LaunchOp>(commands[command].op);
    auto same = llvm::find_if(runs, [&](const Slot &run) {
      auto first = cast<plan::LaunchOp>(commands[run.front()].op);
      return first.getKernelAttr() == launch.getKernelAttr() &&
             first.getGridAttr() == launch.getGridAttr();
    });
    if (same == runs.end())
      runs.push_back({command});
    else
      same->push_back(command);
  }
  return runs;
}

/// The group's kernel, made at the first mention: equal groups share it.
plan::KernelOp Grouping::kernelOf(ArrayRef<Slot> runs) {
  SmallVector<Attribute> names;
  SmallVector<std::int64_t> counts;
  std::string text;
  for (const Slot &run : runs) {
    auto launch = cast<plan::LaunchOp>(commands[run.front()].op);
    names.push_back(launch.getKernelAttr());
    counts.push_back(run.size());
    text += (launch.getKernel() + "_x" + llvm::Twine(run.size()) + "+").str();
  }
  plan::KernelOp first = commands[runs.front().front()].kernel;
  std::string name = (first.getSymName() + "_x" + llvm::Twine(counts.front())).str();
  if (runs.size() > 1)
    name +=
        "_with_" + llvm::utohexstr(llvm::xxh3_64bits(text) & 0xffffffff, /*LowerCase=*/true);
  if (auto known = dyn_cast_or_null<plan::KernelOp>(
          SymbolTable::lookupSymbolIn(variant, StringAttr::get(variant.getContext(), name))))
    return known;
  auto all = variant.getOps<plan::KernelOp>();
  plan::KernelOp last = *std::prev(llvm::to_vector(all).end());
  OpBuilder builder(variant.getContext());
  builder.setInsertionPointAfter(last);
  std::int64_t scratch = 0;
  for (const Slot &run : runs)
    scratch = std::max<std::int64_t>(
        scratch, plan::KernelOp(commands[run.front()].kernel).getScratchBytes());
  return plan::KernelOp::create(builder, variant.getLoc(), name, scratch,
                                first.getThreadsAttr(), first.getSharedBytesAttr(),
                                first.getResidentAttr(), builder.getArrayAttr(names),
                                builder.getDenseI64ArrayAttr(counts));
}

void Grouping::apply() {
  Block &body = program.getBody().front();
  for (const Slot &slot : slots) {
    SmallVector<Slot> runs = slot.size() > 1 ? runsOf(slot) : SmallVector<Slot>{slot};
    for (const Slot &run : runs)
      for (unsigned command : run)
        commands[command].op->moveBefore(&body, body.end());
    launches += commands[slot.front()].kernel ? 1 : 0;
    if (slot.size() == 1)
      continue;
    ++groups;
    auto first = cast<plan::LaunchOp>(commands[runs.front().front()].op);
    first.setGroupAttr(FlatSymbolRefAttr::get(kernelOf(runs).getSymNameAttr()));
  }
  for (auto [buffer, life] : llvm::zip_equal(buffers, lives))
    if (life.bytes)
      buffer.setOffset(life.offset);
}

FailureOr<bool> Grouping::run() {
  if (failed(collect()))
    return failure();
  for (unsigned command = 0; command < commands.size(); ++command)
    slots.push_back({command});
  std::int64_t limit = *llvm::max_element(liveBytes(slots));
  auto arena = static_cast<std::int64_t>(program.getArenaBytes());
  // Values that fit side by side may leave gaps where they lie: then fewer may live at once.
  for (int attempt = 0; attempt < 12; ++attempt) {
    form(limit);
    if (slots.size() == commands.size())
      return false;
    std::int64_t end = place();
    if (end <= arena + arena / kMoreArena) {
      apply();
      program.setArenaBytes(end);
      return true;
    }
    limit -= std::max(end - arena, arena / 32);
  }
  return false;
}

namespace {

struct GroupLaunchesPass : impl::GroupLaunchesBase<GroupLaunchesPass> {
  void runOnOperation() override {
    FailureOr<BufferSizes> sizes = BufferSizes::of(getOperation());
    if (failed(sizes))
      return signalPassFailure();
    for (auto variant : getOperation().getOps<plan::VariantOp>())
      for (auto program : llvm::to_vector(variant.getOps<plan::ProgramOp>())) {
        if (llvm::none_of(variant.getOps<plan::KernelOp>(), [](plan::KernelOp kernel) {
              return kernel.getThreads().has_value();
            }))
          continue;
        Grouping grouping(variant, program, *sizes);
        FailureOr<bool> done = grouping.run();
        if (failed(done))
          return signalPassFailure();
        if (!*done)
          continue;
        groups += grouping.groups;
        saved += grouping.before - grouping.launches;
        remark::passed(program.getLoc(), remark::RemarkOpts::name("group")
                                             .category("ftc-group-launches")
                                             .function(program.getSymName()))
            << (llvm::Twine(grouping.before) + " launches of " + program.getSymName() + " on " +
                variant.getSymName() + " became " + llvm::Twine(grouping.launches))
                   .str();
      }
  }
};

} // namespace
} // namespace ftc
