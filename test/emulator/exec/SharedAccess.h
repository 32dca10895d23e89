// Checks of shared memory: bounds, what was written, races, copies in flight.
#pragma once

#include "test/emulator/exec/Access.h"

namespace ftc::FTC_EMULATOR_LEVEL {
namespace {

inline std::string whoName(u32 who) {
  if (who < 1024)
    return "thread " + std::to_string(who);
  if (who < kManyReaders)
    return "several threads of warp " + std::to_string(who - kWarpReaders);
  return who == kAtomic ? "an atomic" : "several warps";
}

/// Offset into the block's shared memory.
inline u32 sharedOffset(const Warp &w, const Instruction &i, u32 lane, u64 address, u32 bytes) {
  u64 offset = address - kSharedStart;
  if (address < kSharedStart || offset + bytes > w.block->sharedBytes)
    failAt(w, i, lane, FaultKind::Address,
           "access of " + std::to_string(bytes) + " bytes at " + hex(address) +
               " of shared memory, which has " + std::to_string(w.block->sharedBytes) +
               " bytes from " + hex(kSharedStart) + " on");
  return static_cast<u32>(offset);
}

[[gnu::noinline]] inline void sharedConflict(const Warp &w, const Instruction &i, u32 lane,
                                             u32 granule, u32 entry, const char *what,
                                             const char *before) {
  u32 who = entry & kWhoMask;
  u64 address = kSharedStart + (static_cast<u64>(granule) << w.block->granuleShift);
  if (who == kInFlight)
    failAt(w, i, lane, FaultKind::InFlight,
           std::string(what) + " " + hex(address) +
               " of shared memory while a cp.async to it "
               "is in flight");
  if (entry == 0)
    failAt(w, i, lane, FaultKind::Uninitialised,
           "read of shared memory that was never written, at " + hex(address));
  failAt(w, i, lane, FaultKind::Race,
         std::string("race on shared memory: ") + what + " " + hex(address) + ", which " +
             whoName(who) + " " + before + " since the last barrier between them");
}

inline void sharedRead(Warp &w, const Instruction &i, u32 lane, u32 offset, u32 bytes) {
  Block &block = *w.block;
  u32 thread = w.index * 32 + lane, mine = w.clock << kWhoBits | thread;
  u32 first = offset >> block.granuleShift, last = (offset + bytes - 1) >> block.granuleShift;
  // The usual case: written before the last barrier, and read since by nobody else or by many.
  const u32 many = w.clock << kWhoBits | kManyReaders, least = w.seenLeast;
  u32 unusual = 0;
  for (u32 g = first; g <= last; ++g) {
    u32 writer = block.writers[g], reader = block.readers[g];
    unusual |= u32(writer == 0) | u32((writer & kWhoMask) == kInFlight) |
               u32(writer >> kWhoBits > least) |
               (u32(reader >> kWhoBits > least) & u32(reader != mine) & u32(reader != many));
  }
  if (!unusual) {
    for (u32 g = first; g <= last; ++g)
      block.readers[g] = block.readers[g] == many ? many : mine;
    return;
  }
  for (u32 g = first; g <= last; ++g) {
    u32 writer = block.writers[g], who = writer & kWhoMask;
    if (who == kInFlight || writer == 0 ||
        ((writer >> kWhoBits) > w.seenLeast && !ordered(w, thread, who, writer >> kWhoBits)))
      sharedConflict(w, i, lane, g, writer, "read of", "wrote");
    u32 reader = block.readers[g];
    if (reader == mine)
      continue;
    who = reader & kWhoMask;
    if (reader >> kWhoBits > w.seenLeast && !ordered(w, thread, who, reader >> kWhoBits)) {
      // A second reader beside an earlier one.
      bool sameWarp = who == kWarpReaders + w.index || (who < 1024 && who >> 5 == w.index);
      u32 clock = reader >> kWhoBits > w.clock ? reader >> kWhoBits : w.clock;
      block.readers[g] = clock << kWhoBits | (sameWarp ? kWarpReaders + w.index : kManyReaders);
    } else {
      block.readers[g] = mine;
    }
  }
}

/// Before a write of `data` (null: bytes that are not known yet).
inline void sharedWriteCheck(Warp &w, const Instruction &i, u32 lane, u32 offset, u32 bytes,
                             const u8 *data, bool atomic = false) {
  Block &block = *w.block;
  u32 thread = w.index * 32 + lane;
  u32 first = offset >> block.granuleShift, last = (offset + bytes - 1) >> block.granuleShift;
  const u32 least = w.seenLeast;
  u32 unusual = 0;
  for (u32 g = first; g <= last; ++g)
    unusual |= u32((block.writers[g] & kWhoMask) == kInFlight) |
               u32(block.writers[g] >> kWhoBits > least) |
               u32(block.readers[g] >> kWhoBits > least);
  if (!unusual)
    return;
  for (u32 g = first; g <= last; ++g) {
    u32 writer = block.writers[g], who = writer & kWhoMask;
    if (who == kInFlight)
      sharedConflict(w, i, lane, g, writer, "write to", "wrote");
    if (writer >> kWhoBits > w.seenLeast && !ordered(w, thread, who, writer >> kWhoBits) &&
        !(atomic && who == kAtomic)) {
      u32 at = g << block.granuleShift, size = 1u << block.granuleShift;
      if (!data || std::memcmp(block.shared + at, data + (at - offset), size) != 0)
        sharedConflict(w, i, lane, g, writer, "write to", "wrote");
    }
    u32 reader = block.readers[g];
    if (reader >> kWhoBits > w.seenLeast &&
        !ordered(w, thread, reader & kWhoMask, reader >> kWhoBits)) {
      u32 at = g << block.granuleShift, size = 1u << block.granuleShift;
      if (!data || std::memcmp(block.shared + at, data + (at - offset), size) != 0)
        sharedConflict(w, i, lane, g, reader, "write to", "read");
    }
  }
}

inline void sharedMark(Warp &w, u32 offset, u32 bytes, u32 who) {
  Block &block = *w.block;
  u32 first = offset >> block.granuleShift, last = (offset + bytes - 1) >> block.granuleShift;
  for (u32 g = first; g <= last; ++g)
    block.writers[g] = w.clock << kWhoBits | who;
}

} // namespace
} // namespace ftc::FTC_EMULATOR_LEVEL
