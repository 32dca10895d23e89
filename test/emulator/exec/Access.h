// Addresses of a warp's access, and checks of global memory, lane by lane and for whole warps
// at once: bounds and liveness, alignment, what was written, who wrote it.
#pragma once

#include "test/emulator/exec/Lanes.h"

#include <cstdio>
#include <string>

namespace ftc::FTC_EMULATOR_LEVEL {
namespace {

inline std::string hex(u64 value) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

/// Byte addresses of the active lanes of one access of `bytes` a lane.
struct Access {
  u64 address[32];
  u32 mask, bytes;
  u64 low, high;   // of all active lanes, high exclusive
  bool contiguous; // all 32 lanes, one behind the other
  bool uniform;    // all active lanes the same
};

/// memcpy whose usual sizes, a warp's words, are known when it is compiled.
inline void copyWarp(void *to, const void *from, u64 bytes) {
  if (bytes == 128)
    std::memcpy(to, from, 128);
  else if (bytes == 256)
    std::memcpy(to, from, 256);
  else if (bytes == 512)
    std::memcpy(to, from, 512);
  else
    std::memcpy(to, from, bytes);
}

inline u32 firstLane(u32 mask) { return static_cast<u32>(__builtin_ctz(mask)); }

inline void readAddresses(const Warp &w, const Instruction &i, Ref ref, bool narrow, u32 mask,
                          u32 bytes, Access &out) {
  const u64 offset = static_cast<u64>(i.offset);
  if (narrow) {
    const u32 *from = w.lanes<u32>(ref);
    for (unsigned l = 0; l < 32; ++l)
      out.address[l] = from[l] + offset;
  } else {
    const u64 *from = w.lanes<u64>(ref);
    for (unsigned l = 0; l < 32; ++l)
      out.address[l] = from[l] + offset;
  }
  out.mask = mask;
  out.bytes = bytes;
  u64 base = out.address[firstLane(mask)], apart = 0, unequal = 0, low = ~u64(0), high = 0;
  if (mask == kAllLanes) {
    for (unsigned l = 0; l < 32; ++l) {
      u64 a = out.address[l];
      apart |= a - base - static_cast<u64>(l) * bytes;
      unequal |= a - base;
      low = a < low ? a : low;
      high = a > high ? a : high;
    }
  } else {
    apart = 1;
    for (unsigned l = 0; l < 32; ++l) {
      u64 a = mask >> l & 1 ? out.address[l] : base;
      unequal |= a - base;
      low = a < low ? a : low;
      high = a > high ? a : high;
    }
  }
  out.contiguous = apart == 0;
  out.uniform = unequal == 0;
  out.low = low;
  out.high = high + bytes;
}

inline void checkAlignment(const Warp &w, const Instruction &i, const Access &access) {
  u64 wrong = 0;
  for (unsigned l = 0; l < 32; ++l)
    wrong |= access.mask >> l & 1 ? access.address[l] : 0;
  if (!(wrong & (access.bytes - 1)))
    return;
  for (unsigned l = 0; l < 32; ++l)
    if (access.mask >> l & 1 && access.address[l] & (access.bytes - 1))
      failAt(w, i, l, FaultKind::Misaligned,
             "misaligned access of " + std::to_string(access.bytes) + " bytes at " +
                 hex(access.address[l]));
}

inline void checkGlobalBounds(Warp &w, const Instruction &i, const Access &access, bool write) {
  Block &block = *w.block;
  Allocation &cached = block.cached[static_cast<std::size_t>(i.target)];
  if (access.low >= cached.begin && access.high <= cached.end && access.high > access.low &&
      !(write && cached.constant))
    return;
  DeviceMemory &memory = *block.launch->memory;
  for (unsigned l = 0; l < 32; ++l) {
    if (!(access.mask >> l & 1))
      continue;
    Allocation *found = memory.findLive(access.address[l], access.bytes);
    if (!found)
      failAt(w, i, l, FaultKind::Address,
             "access of " + std::to_string(access.bytes) + " bytes at " +
                 memory.describe(access.address[l]));
    if (write && found->constant)
      failAt(w, i, l, FaultKind::Address,
             "write to constant memory at " + hex(access.address[l]));
    cached = *found;
  }
}

inline WriteTag makeTag(const Warp &w, u32 who, u32 bytes) {
  return static_cast<u64>(w.block->tag) << 36 | static_cast<u64>(bytes) << 32 |
         static_cast<u64>(who) << 21 | w.clock;
}

/// Whether what `who` of this block did at `clock` comes before what this lane does now.
inline bool ordered(const Warp &w, u32 thread, u32 who, u32 clock) {
  if (who == thread || clock <= w.seenLeast)
    return true;
  if (who < 1024)
    return clock <= w.seen[who >> 5];
  if (who < kManyReaders)
    return clock <= w.seen[who - kWarpReaders];
  return false; // several warps: only what comes before all of them is certain
}

inline std::string blockName(const Launch &launch, u32 tag) {
  u64 number = tag - launch.firstTag;
  return "(" + std::to_string(number % launch.grid[0]) + ", " +
         std::to_string(number / launch.grid[0] % launch.grid[1]) + ", " +
         std::to_string(number / launch.grid[0] / launch.grid[1]) + ")";
}

/// Whether an access of `bytes` (a mask of 4) by this lane conflicts with the last writer.
inline bool conflicts(const Warp &w, u32 lane, WriteTag tag, u32 bytes, bool atomic) {
  u32 tagBlock = static_cast<u32>(tag >> 36);
  if (tagBlock < w.block->launch->firstTag || !(tag >> 32 & bytes & 15))
    return false;
  u32 who = static_cast<u32>(tag >> 21) & kWhoMask, clock = static_cast<u32>(tag) & 0x1fffff;
  if (atomic && who == kAtomic)
    return false;
  return tagBlock != w.block->tag || !ordered(w, w.index * 32 + lane, who, clock);
}

[[noreturn, gnu::noinline]] inline void failConflict(const Warp &w, const Instruction &i,
                                                     u32 lane, u64 address, WriteTag tag,
                                                     const char *what) {
  u32 tagBlock = static_cast<u32>(tag >> 36), who = static_cast<u32>(tag >> 21) & kWhoMask;
  if (tagBlock != w.block->tag)
    failAt(w, i, lane, FaultKind::Race,
           std::string("conflict between blocks: ") + what + " " + hex(address) +
               ", which block " + blockName(*w.block->launch, tagBlock) +
               " of the same launch wrote");
  failAt(w, i, lane, FaultKind::Race,
         std::string("race on global memory: ") + what + " " + hex(address) + ", which " +
             (who == kAtomic ? std::string("an atomic") : "thread " + std::to_string(who)) +
             " wrote since the last barrier between them");
}

/// Bits of a word of 4 bytes that [address, address + bytes) covers, at `offset` of its word.
inline u32 wordBytes(u64 offset, u64 begin, u64 end) {
  u32 bits = 0;
  for (u64 k = 0; k < 4; ++k)
    if (offset + k >= begin && offset + k < end)
      bits |= 1u << k;
  return bits;
}

/// Whether all bytes of a read by `lane` (of lanes from 0 on, `stride` bytes each, where it is
/// not 0) were written, by nobody whose write is not ordered before. Otherwise false or, unless
/// `quiet`, a fault.
inline bool checkReadBytes(const Warp &w, const Instruction &i, u32 lane, u64 address,
                           u64 bytes, u32 stride, bool quiet) {
  const Launch &launch = *w.block->launch;
  const DeviceMemory &memory = *launch.memory;
  u64 offset = memory.offset(address);
  auto laneOf = [&](u64 at) { return stride ? static_cast<u32>(at / stride) : lane; };
  bool whole = true;
  if (bytes <= 16) {
    u32 bits;
    std::memcpy(&bits, memory.written() + offset / 8, 4);
    u32 wanted = (1u << bytes) - 1;
    whole = (bits >> (offset & 7) & wanted) == wanted;
  } else if (offset % 64 == 0 && bytes % 64 == 0) {
    for (u64 at = 0; at < bytes; at += 64) {
      u64 bits;
      std::memcpy(&bits, memory.written() + (offset + at) / 8, 8);
      whole &= bits == ~u64(0);
    }
  } else {
    whole = false;
  }
  if (!whole) {
    u64 at = memory.firstUnwritten(address, bytes);
    if (at < bytes && quiet)
      return false;
    if (at < bytes)
      failAt(w, i, laneOf(at), FaultKind::Uninitialised,
             "read of global memory that was never written: " + memory.describe(address + at));
  }
  for (u64 page = offset >> 12; page <= (offset + bytes - 1) >> 12; ++page) {
    if (__atomic_load_n(memory.pages() + page, __ATOMIC_RELAXED) != launch.number)
      continue;
    u64 begin = page << 12 > offset ? page << 12 : offset;
    u64 end = (page + 1) << 12 < offset + bytes ? (page + 1) << 12 : offset + bytes;
    const WriteTag *tags = memory.tags() + begin / 4;
    bool recent = false;
    for (u64 k = 0; k < (end + 3) / 4 - begin / 4; ++k)
      recent |= tags[k] >= static_cast<u64>(launch.firstTag) << 36;
    if (!recent)
      continue;
    for (u64 word = begin & ~u64(3); word < end; word += 4) {
      WriteTag tag = __atomic_load_n(memory.tags() + word / 4, __ATOMIC_RELAXED);
      u64 at = word < offset ? 0 : word - offset;
      if (!conflicts(w, laneOf(at), tag, wordBytes(word, offset, offset + bytes), false))
        continue;
      if (quiet)
        return false;
      failConflict(w, i, laneOf(at), address + at, tag, "read of");
    }
  }
  return true;
}

/// checkReadBytes for a load: what may not be read is undefined from here on.
inline void checkLoad(Warp &w, const Instruction &i, u32 lane, u64 address, u64 bytes,
                      u32 stride) {
  if (checkReadBytes(w, i, lane, address, bytes, stride, true))
    return;
  if (stride && bytes > stride) {
    for (u32 l = 0; l < bytes / stride; ++l)
      checkLoad(w, i, l, address + static_cast<u64>(l) * stride, stride, 0);
    return;
  }
  w.loaded |= 1u << lane;
  if (w.tainted)
    return;
  w.tainted = true;
  try {
    checkReadBytes(w, i, lane, address, bytes, 0, false);
  } catch (const Fault &fault) {
    w.reason = fault;
  }
}

/// Notes that bytes of global memory were written in this launch.
inline void markBytes(const Launch &launch, DeviceMemory &memory, u64 offset, u64 bytes) {
  if (offset % 64 == 0 && bytes % 64 == 0) {
    for (u64 at = offset / 8; at < (offset + bytes) / 8; at += 8) {
      auto *bits = reinterpret_cast<u64 *>(memory.written() + at);
      if (*bits != ~u64(0))
        __atomic_store_n(bits, ~u64(0), __ATOMIC_RELAXED);
    }
  } else {
    for (u64 at = offset / 8; at <= (offset + bytes - 1) / 8; ++at) {
      u32 bits = 0xFF;
      if (at * 8 < offset)
        bits &= 0xFFu << (offset - at * 8);
      if ((at + 1) * 8 > offset + bytes)
        bits &= 0xFFu >> ((at + 1) * 8 - offset - bytes);
      if ((memory.written()[at] & bits) != bits)
        __atomic_fetch_or(memory.written() + at, static_cast<u8>(bits), __ATOMIC_RELAXED);
    }
  }
  for (u64 page = offset >> 12; page <= (offset + bytes - 1) >> 12; ++page)
    if (__atomic_load_n(memory.pages() + page, __ATOMIC_RELAXED) != launch.number)
      __atomic_store_n(memory.pages() + page, launch.number, __ATOMIC_RELAXED);
}

/// Checks and writes `bytes` for lane `lane`, or, where `stride` is not 0, for lanes from 0 on
/// with so many bytes each.
inline void writeBytes(const Warp &w, const Instruction &i, u32 lane, u64 address, u64 bytes,
                       u32 stride, const u8 *data, bool atomic = false) {
  const Launch &launch = *w.block->launch;
  DeviceMemory &memory = *launch.memory;
  u64 offset = memory.offset(address);
  auto *host = reinterpret_cast<u8 *>(memory.host(address));
  if (stride && offset % 4 == 0 && (stride & 3) == 0) {
    // Whole words of a whole warp that nobody wrote in this launch: the usual case.
    WriteTag *tags = memory.tags() + offset / 4;
    const u32 words = static_cast<u32>(bytes / 4);
    bool recent = false;
    for (u32 k = 0; k < words; ++k)
      recent |= tags[k] >= static_cast<u64>(launch.firstTag) << 36;
    if (!recent) {
      const u32 shift = static_cast<u32>(__builtin_ctz(stride / 4));
      const WriteTag first = makeTag(w, w.index * 32, 15);
      for (u32 k = 0; k < words; ++k)
        tags[k] = first + (static_cast<u64>(k >> shift) << 21);
      copyWarp(host, data, bytes);
      markBytes(launch, memory, offset, bytes);
      return;
    }
  }
  for (u64 word = offset & ~u64(3); word < offset + bytes; word += 4) {
    u32 covered = word >= offset && word + 4 <= offset + bytes
                      ? 15
                      : wordBytes(word, offset, offset + bytes);
    u64 at = word < offset ? 0 : word - offset;
    u32 by = stride ? static_cast<u32>(at / stride) : lane;
    WriteTag *tag = memory.tags() + word / 4;
    WriteTag old = __atomic_load_n(tag, __ATOMIC_RELAXED);
    u32 keep = 0;
    if (static_cast<u32>(old >> 36) >= launch.firstTag) {
      u64 size = word + 4 < offset + bytes ? word + 4 - offset - at : bytes - at;
      if (std::memcmp(host + at, data + at, size) != 0 &&
          conflicts(w, by, old, covered, atomic))
        failConflict(w, i, by, address + at, old, "write to");
      if (static_cast<u32>(old >> 36) == w.block->tag &&
          (static_cast<u32>(old >> 21) & kWhoMask) == w.index * 32 + by)
        keep = static_cast<u32>(old >> 32) & 15;
    }
    u32 who = atomic ? kAtomic : w.index * 32 + by;
    __atomic_store_n(tag, makeTag(w, who, covered | keep), __ATOMIC_RELAXED);
  }
  std::memcpy(host, data, bytes);
  markBytes(launch, memory, offset, bytes);
}

} // namespace
} // namespace ftc::FTC_EMULATOR_LEVEL
