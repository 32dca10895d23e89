// Runs a warp until it ends or waits at a barrier. Lanes have program counters of their own:
// the group with the lowest one runs, and groups that meet run on together, so lanes come
// together again at the latest where their paths do.
#include "test/emulator/exec/Access.h"

#include <limits>
#include <string_view>

namespace ftc::FTC_EMULATOR_LEVEL {
namespace {

constexpr s32 kNever = std::numeric_limits<s32>::max();

class Run {
public:
  explicit Run(Warp &warp)
      : w(warp), code(warp.block->kernel->code.data()),
        executed(warp.block->counters->executed.data()),
        lanes(warp.block->counters->lanes.data()) {}

  Stop run() {
    while (choose()) {
      while (pc < limit)
        if (step())
          return Stop::Barrier;
      leave(mask, pc);
    }
    w.finished = true;
    return Stop::Finished;
  }

private:
  /// The lanes with the lowest program counter; false when all have exited.
  bool choose() {
    u32 alive = w.exists & ~w.exited;
    if (!alive)
      return false;
    u32 runnable = alive & ~w.blocked;
    if (!runnable)
      failWaiting();
    pc = kNever;
    for (u32 l = 0; l < 32; ++l)
      if (runnable >> l & 1 && w.pc[l] < pc)
        pc = w.pc[l];
    mask = 0;
    limit = kNever;
    for (u32 l = 0; l < 32; ++l) {
      if (!(alive >> l & 1))
        continue;
      if (w.pc[l] == pc)
        mask |= 1u << l;
      else if (w.pc[l] > pc && w.pc[l] < limit)
        limit = w.pc[l];
    }
    w.blocked &= ~mask;
    return true;
  }

  void leave(u32 lanes, s32 at) {
    for (u32 l = 0; l < 32; ++l)
      if (lanes >> l & 1)
        w.pc[l] = at;
  }
  /// Ends the group: choose() makes the next one.
  void regroup() {
    mask = 0;
    pc = kNever;
  }

  [[noreturn]] void failWaiting() {
    u32 lane = firstLane(w.blocked & w.exists & ~w.exited);
    const Instruction &i = code[w.pc[lane]];
    failAt(w, i, lane, FaultKind::Barrier,
           std::string(i.control == Control::Barrier ? "divergent barrier" : "divergence") +
               ": lanes " + hex(missing) + " of the warp never come here");
  }

  /// All of `needed` are here, or the active lanes wait for the others. `members` must be
  /// alive.
  bool together(const Instruction &i, u32 active, u32 needed) {
    if (needed & w.exited || needed & ~w.exists || needed & mask & ~active)
      failAt(w, i, firstLane(active), FaultKind::Barrier,
             std::string(i.control == Control::Barrier ? "divergent barrier" : "divergence") +
                 ": lanes " +
                 hex((needed & (w.exited | ~w.exists)) | (needed & mask & ~active)) +
                 " have exited or do not take part");
    missing = needed & ~active;
    if (!missing)
      return true;
    leave(active, pc);
    leave(mask & ~active, pc + 1);
    w.blocked |= active;
    regroup();
    return false;
  }

  u32 memberMask(const Instruction &i, u32 active) {
    const u32 *members = w.lanes<u32>(i.a[i.target]);
    u32 first = firstLane(active), needed = members[first];
    for (u32 l = 0; l < 32 && !(i.a[i.target] & kConstant); ++l)
      if (active >> l & 1 && members[l] != needed)
        failAt(w, i, l, FaultKind::Barrier, "lanes name different members");
    if (active & ~needed)
      failAt(w, i, firstLane(active & ~needed), FaultKind::Barrier,
             "this lane is not in its own member mask " + hex(needed));
    return needed;
  }

  void branch(const Instruction &i, u32 active) {
    if (active && i.target <= pc && ++w.backward > w.block->launch->options->maxBranches)
      failAt(w, i, firstLane(active), FaultKind::Other, "the kernel does not end");
    if (active == mask && i.target <= pc && w.blocked) {
      // Lanes that wait may lie ahead of the target now: they take part in the choice.
      leave(mask, i.target);
      regroup();
    } else if (active == mask) {
      pc = i.target;
    } else if (!active) {
      ++pc;
    } else {
      leave(active, i.target);
      leave(mask & ~active, pc + 1);
      regroup();
    }
  }

  [[noreturn]] void failUndefined(const Instruction &i, u32 lanes, const char *what) {
    std::string reason = w.reason.message;
    failAt(w, i, firstLane(lanes), w.reason.kind,
           std::string(what) + " comes of a load that is wrong: " + reason);
  }

  u32 undefinedOf(const Instruction &i, int k) const {
    if (i.predicates >> k & 1)
      return w.undefinedPredicates[i.a[k]];
    return i.a[k] & kConstant ? 0 : w.undefined[i.a[k] / 128];
  }

  /// Sets what is undefined in the results of an instruction.
  void define(const Instruction &i, u32 active, u32 lanes) {
    w.loaded = 0;
    auto set = [&](u32 &bits) { bits = (bits & ~active) | (lanes & active); };
    for (int k = 0; k < i.defs; ++k)
      if (i.predicates >> k & 1)
        set(w.undefinedPredicates[i.a[k]]);
      else if (!(i.a[k] & kConstant))
        set(w.undefined[i.a[k] / 128]);
    if (i.control == Control::Together && i.predicates >> 5 & 1) // of a shuffle
      set(w.undefinedPredicates[i.a[5]]);
  }

  /// A step of a warp with undefined values: they spread to what is computed of them.
  bool stepTainted(const Instruction &i, u32 active) {
    if (i.guard >= 0)
      if (u32 lanes = w.undefinedPredicates[i.guard] & mask)
        failUndefined(i, lanes, "the predicate");
    if (!active)
      return execute(i, active, true);
    u32 lanes = 0;
    for (int k = i.defs; k < i.defs + i.uses; ++k)
      lanes |= undefinedOf(i, k);
    lanes &= active;
    std::string_view name = executor().entries[i.op].name;
    bool isMemory = i.pipe == Pipe::LoadStore && name != "ldmatrix" && name != "ldmatrix.trans";
    if (lanes && (isMemory || name.substr(0, 8) == "ldmatrix" ||
                  i.control == Control::Barrier || i.control == Control::WarpSync))
      failUndefined(i, lanes, i.defs ? "an address" : "what is stored, or where,");
    if (name.substr(0, 5) == "selp.") {
      u32 p = w.predicates[i.a[3]], unknown = undefinedOf(i, 3);
      lanes = (unknown | (p & undefinedOf(i, 1)) | (~p & undefinedOf(i, 2))) & active;
    } else if (name == "and.pred" || name == "or.pred") {
      u32 ua = undefinedOf(i, 1), ub = undefinedOf(i, 2);
      u32 a = w.predicates[i.a[1]], b = w.predicates[i.a[2]];
      u32 decided = name == "and.pred" ? (~ua & ~a) | (~ub & ~b) : (~ua & a) | (~ub & b);
      lanes = (ua | ub) & ~decided & active;
    } else if (i.pipe == Pipe::Tensor || name.substr(0, 5) == "vote." ||
               name.substr(0, 6) == "redux.") {
      lanes = lanes ? active : 0; // of any lane, to all
    }
    s32 here = pc;
    bool isShuffle = name.substr(0, 5) == "shfl.";
    bool waits = execute(i, active, true);
    // A group that waits for other lanes has not executed it.
    if (pc == here + 1)
      define(i, active, isShuffle || isMemory ? w.loaded : lanes);
    return waits;
  }

  /// True when the warp waits at a barrier of its block.
  bool step() {
    const Instruction &i = code[pc];
    u32 active = mask;
    if (i.guard >= 0) {
      u32 p = w.predicates[i.guard];
      active &= i.guardNegated ? ~p : p;
    }
    executed[pc] += 1;
    lanes[pc] += static_cast<u64>(__builtin_popcount(active));
    if (w.tainted) [[unlikely]]
      return stepTainted(i, active);
    return execute(i, active, false);
  }

  bool execute(const Instruction &i, u32 active, bool wasTainted) {
    if (i.control == Control::None) {
      if (active) {
        i.run(w, i, active);
        if (w.loaded && !wasTainted) [[unlikely]]
          define(i, active, w.loaded); // the first undefined value
      }
      ++pc;
      return false;
    }
    if (i.control == Control::Branch) {
      branch(i, active);
      return false;
    }
    if (!active) {
      ++pc;
      return false;
    }
    return stepTogether(i, active);
  }

  bool stepTogether(const Instruction &i, u32 active) {
    switch (i.control) {
    case Control::Return:
      w.exited |= active;
      leave(mask & ~active, pc + 1);
      regroup();
      return false;
    case Control::Together:
      if (together(i, active, memberMask(i, active))) {
        i.run(w, i, active);
        ++pc;
      }
      return false;
    case Control::WarpSync:
      if (together(i, active, memberMask(i, active))) {
        if (w.clock >= kMaxClock)
          failAt(w, i, firstLane(active), FaultKind::Other, "too many synchronizations");
        w.seen[w.index] = w.clock++;
        w.seenLeast = w.seen[0];
        for (u32 k = 1; k < w.block->warpCount; ++k)
          w.seenLeast = w.seen[k] < w.seenLeast ? w.seen[k] : w.seenLeast;
        ++pc;
      }
      return false;
    case Control::Aligned:
      if (together(i, active, kAllLanes)) {
        i.run(w, i, active);
        ++pc;
      }
      return false;
    case Control::Barrier:
      if (!together(i, active, w.exists))
        return false;
      w.atBarrier = true;
      w.current = &i;
      w.barrier = w.lanes<u32>(i.a[0])[0];
      w.barrierThreads = i.uses > 1 ? w.lanes<u32>(i.a[1])[0] : 0;
      leave(active, pc + 1);
      return true;
    default:
      return false;
    }
  }

  Warp &w;
  const Instruction *code;
  u64 *executed, *lanes;
  u32 mask = 0, missing = 0;
  s32 pc = 0, limit = kNever;
};

} // namespace

Stop runWarp(Warp &warp) { return Run(warp).run(); }

const HandlerEntry *allEntries(std::size_t &count) {
  static HandlerEntry entries[4096];
  static std::size_t filled = [] {
    std::size_t n = 0;
    for (const Table &table : {integerTable(), floatTable(), conversionTable(), memoryTable(),
                               atomicTable(), matrixTable(), exchangeTable()})
      for (std::size_t k = 0; k < table.count; ++k)
        entries[n++] = table.entries[k];
    return n;
  }();
  count = filled;
  return entries;
}

} // namespace ftc::FTC_EMULATOR_LEVEL
