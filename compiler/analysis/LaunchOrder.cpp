// Groups in program order, within what may live at once; the arena placed for each that is
// tried.
#include "compiler/analysis/LaunchOrder.h"

#include "dialects/plan/BlockShape.h"

#include <algorithm>

using namespace mlir;

namespace ftc {

/// What a group may hold: a kernel of many bodies takes the registers of the largest, and room
/// in the instruction cache.
constexpr std::size_t kMostMembers = 16, kMostRuns = 4;
/// How many commands may lie between two launches of a group, about a layer's: beyond that more
/// values wait for longer. Where the plan would grow, nearer ones alone.
constexpr std::size_t kReaches[] = {32, 28, 24, 20, 16, 12, 8, 6, 4, 3, 2};
/// How often less may live at once for the same reach, and by how large a part of the arena.
constexpr std::int64_t kAttempts = 10, kLess = 200;
/// The parts of the plan that are as good as none, and that it may grow by at most.
constexpr std::int64_t kNothing = 1024, kMost = 32;

LogicalResult LaunchOrder::collect() {
  llvm::DenseMap<Value, unsigned> index;
  for (Operation &op : program.getBody().front()) {
    if (auto buffer = dyn_cast<plan::BufferOp>(op)) {
      FailureOr<std::int64_t> elements = sizes.elements(buffer);
      if (failed(elements))
        return failure();
      index[buffer.getBuffer()] = buffers.size();
      bool arena = buffer.getSegment() == plan::Segment::Arena;
      bool gradient = overlay && buffer.getSegment() == plan::Segment::Grads;
      std::int64_t bytes = *elements * bytesOf(buffer.getDtype());
      buffers.push_back({buffer, BufferPlace::of(buffer, sizes),
                         arena      ? placedBytes(bytes)
                         : gradient ? bytes
                                    : 0,
                         gradient});
      buffers.back().uses =
          gradient; // by the program that reads it: it lives to the end of this one
      continue;
    }
    Command command{&op, {}, {}};
    if (auto launch = dyn_cast<plan::LaunchOp>(op)) {
      command.kernel = symbols.lookup<plan::KernelOp>(launch.getKernel());
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
    for (const Command::Use &use : command.uses)
      ++buffers[use.buffer].uses;
    commands.push_back(std::move(command));
  }
  return success();
}

/// Whether one kernel can run both.
bool LaunchOrder::fit(const Command &a, const Command &b) const {
  if (!a.kernel || !b.kernel)
    return false;
  std::optional<plan::BlockShape> shape = plan::BlockShape::of(a.kernel);
  return shape && shape == plan::BlockShape::of(b.kernel);
}

bool LaunchOrder::fit(const Slot &slot, unsigned command) const {
  if (!fit(commands[slot.front()], commands[command]) || slot.size() >= kMostMembers ||
      command - *llvm::min_element(slot) > reach)
    return false;
  Slot together = slot;
  together.push_back(command);
  return runsOf(together).size() <= kMostRuns;
}

bool LaunchOrder::conflict(unsigned a, unsigned b) const {
  for (const Command::Use &x : commands[a].uses)
    for (const Command::Use &y : commands[b].uses)
      if ((x.writes || y.writes) &&
          (x.buffer == y.buffer || buffers[x.buffer].place.overlaps(buffers[y.buffer].place)))
        return true;
  return false;
}

bool LaunchOrder::conflict(const Slot &a, const Slot &b) const {
  return llvm::any_of(a, [&](unsigned x) {
    return llvm::any_of(b, [&](unsigned y) { return conflict(x, y); });
  });
}

void LaunchOrder::begin() {
  slots.clear();
  carried.clear();
  open = 0;
  for (Buffer &buffer : buffers)
    buffer.placed = 0;
}

/// Takes the next command in program order as a slot of its own.
void LaunchOrder::append(unsigned command) {
  slots.push_back({command});
  carried.push_back(open);
  for (const Command::Use &use : commands[command].uses) {
    Buffer &buffer = buffers[use.buffer];
    open += buffer.placed++ ? 0 : buffer.bytes;
    open -= buffer.placed == buffer.uses ? buffer.bytes : 0;
  }
}

/// With `window` in the place of the slots from `at` on: the same commands.
LaunchOrder::Live LaunchOrder::liveBytes(ArrayRef<Slot> window, std::size_t at) {
  SmallVector<unsigned> used;
  for (auto [place, slot] : llvm::enumerate(window))
    for (unsigned command : slot)
      for (const Command::Use &use : commands[command].uses) {
        Buffer &buffer = buffers[use.buffer];
        if (!buffer.bytes)
          continue;
        if (buffer.inWindow++ == 0) {
          buffer.first = place;
          used.push_back(use.buffer);
        }
        buffer.last = place;
      }
  Live live;
  live.at.assign(window.size() + 1, 0);
  live.carried.assign(window.size() + 1, 0);
  std::int64_t through = carried[at]; // what no command of the window uses lives through it
  for (unsigned index : used) {
    Buffer &buffer = buffers[index];
    bool before = buffer.placed > buffer.inWindow, after = buffer.uses > buffer.placed;
    std::size_t first = before ? 0 : buffer.first, last = after ? window.size() : buffer.last;
    through -= before ? buffer.bytes : 0;
    live.at[first] += buffer.bytes;
    if (last < window.size())
      live.at[last + 1] -= buffer.bytes;
    if (first < last && first + 1 < window.size())
      live.carried[first + 1] += buffer.bytes;
    if (first < last && last + 1 <= window.size())
      live.carried[last + 1] -= buffer.bytes;
    buffer.inWindow = 0;
  }
  for (std::size_t i = 0; i <= window.size(); ++i) {
    live.at[i] += i ? live.at[i - 1] : through;
    live.carried[i] += i ? live.carried[i - 1] : through;
  }
  live.at.pop_back();
  live.carried.pop_back();
  live.carried.front() = carried[at];
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

/// Lets the last slot, a single launch, join the one at `at`: there, if nothing between is in
/// its way (`up`), or here, whichever keeps less, where no more lives above `limit` than
/// before. Only from `at` on does that change what lives.
bool LaunchOrder::join(std::size_t at, bool up, std::int64_t limit) {
  ArrayRef<Slot> window = ArrayRef<Slot>(slots).drop_front(at);
  if (conflict(window.front(), window.back()))
    return false;
  bool down = llvm::none_of(window.drop_front().drop_back(),
                            [&](const Slot &slot) { return conflict(slot, window.front()); });
  if (!up && !down)
    return false;
  Slot joined = window.front();
  joined.append(window.back());
  std::int64_t most = ArenaCost(liveBytes(window, at).at, limit).above;
  std::optional<SmallVector<Slot>> best;
  SmallVector<std::int64_t> bestCarried;
  std::int64_t least = 0;
  for (bool here : {false, true}) {
    if (here ? !down : !up)
      continue;
    SmallVector<Slot> order(window.begin() + here, window.end() - 1);
    if (here)
      order.push_back(joined);
    else
      order.front() = joined;
    Live live = liveBytes(order, at);
    ArenaCost cost(live.at, limit);
    if (cost.above > most || (best && cost.all >= least))
      continue;
    least = cost.all;
    best = std::move(order);
    bestCarried = std::move(live.carried);
  }
  if (!best)
    return false;
  slots.truncate(at);
  slots.append(*best);
  carried.truncate(at);
  carried.append(bestCarried);
  return true;
}

/// Groups in program order, each launch with the nearest that it can join.
void LaunchOrder::form(std::size_t reach, std::int64_t limit) {
  this->reach = reach;
  begin();
  for (unsigned command = 0; command < commands.size(); ++command) {
    append(command);
    if (!commands[command].kernel)
      continue;
    std::size_t mine = slots.size() - 1, furthest = std::min(mine, reach);
    bool up = true;
    for (std::size_t back = 1; back <= furthest; ++back) {
      if (fit(slots[mine - back], command) && join(mine - back, up, limit))
        break;
      up = up && !conflict(slots[mine - back], slots.back());
    }
  }
}

/// Places the arena's buffers for the order of slots; gives its end.
std::int64_t LaunchOrder::place() {
  for (Buffer &buffer : buffers)
    buffer.life = {};
  for (auto [at, slot] : llvm::enumerate(slots))
    for (unsigned command : slot)
      for (const Command::Use &use : commands[command].uses) {
        ArenaLife &life = buffers[use.buffer].life;
        if (buffers[use.buffer].gradient)
          continue;
        life.first = life.bytes ? life.first : static_cast<int>(at);
        life.last = static_cast<int>(at);
        life.bytes = buffers[use.buffer].bytes;
      }
  SmallVector<ArenaLife> used;
  for (const Buffer &buffer : buffers)
    if (buffer.life.bytes)
      used.push_back(buffer.life);
  std::int64_t end = placeArena(used);
  const ArenaLife *next = used.begin();
  for (Buffer &buffer : buffers)
    if (buffer.life.bytes)
      buffer.life = *next++;
  return end;
}

/// Bytes of the largest arena and of the gradients for the order of slots, of which the arena
/// alone takes `end`: wherever gradients lie, as the overlay would have it.
std::int64_t LaunchOrder::overlaid(std::int64_t end) {
  llvm::DenseMap<Value, BufferUse> uses;
  for (auto [at, slot] : llvm::enumerate(slots))
    for (unsigned command : slot)
      for (const Command::Use &used : commands[command].uses) {
        BufferUse &use = uses[buffers[used.buffer].op.getBuffer()];
        use.first = use.first < 0 ? static_cast<int>(at) : use.first;
        use.last = static_cast<int>(at);
      }
  overlay->place(uses, static_cast<int>(slots.size()), end);
  return std::min(overlay->before, overlay->after);
}

SmallVector<LaunchOrder::Slot> LaunchOrder::runsOf(const Slot &slot) const {
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

FailureOr<bool> LaunchOrder::find() {
  if (failed(collect()))
    return failure();
  begin();
  std::int64_t limit = 0;
  for (unsigned command = 0; command < commands.size(); ++command) {
    append(command);
    limit = std::max(limit, liveBytes(slots.back(), command).at.front());
  }
  auto arena = static_cast<std::int64_t>(program.getArenaBytes());
  std::int64_t plan = overlay ? overlaid(arena) : arena, least = plan / kMost + 1;
  std::optional<std::pair<std::size_t, std::int64_t>>
      best; // reach and limit that grow the least
  // Values that fit side by side may leave gaps where they lie, and gradients where they are to
  // lie later: then fewer may live at once, or wait for as long.
  for (std::size_t reach : kReaches)
    for (std::int64_t attempt = 0; attempt < kAttempts && least > plan / kNothing; ++attempt) {
      std::int64_t lower = limit - attempt * (arena / kLess);
      std::int64_t grown = growth(reach, lower, plan);
      if (grown < least) {
        least = grown;
        best = {reach, lower};
      }
    }
  if (!best)
    return false;
  form(best->first, best->second);
  if (slots.size() == commands.size())
    return false;
  end = place();
  return true;
}

/// Bytes that groups of this reach and limit make the arena larger by, or what it is with
/// gradients in it, `plan` without groups.
std::int64_t LaunchOrder::growth(std::size_t reach, std::int64_t limit, std::int64_t plan) {
  form(reach, limit);
  std::int64_t end = place(), more = end - static_cast<std::int64_t>(program.getArenaBytes());
  return overlay ? std::max(more, overlaid(end) - plan) : more;
}

} // namespace ftc
