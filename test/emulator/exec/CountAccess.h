// What the cost report counts of memory accesses: sectors of global memory, waves of shared.
#pragma once

#include "test/emulator/exec/Access.h"

namespace ftc::FTC_EMULATOR_LEVEL {
namespace {

inline void countGlobal(Warp &w, const Access &access) {
  Counters &counters = *w.block->counters;
  u32 lanes = static_cast<u32>(__builtin_popcount(access.mask));
  counters.globalRequests += 1;
  counters.globalBytes += static_cast<u64>(lanes) * access.bytes;
  u64 seen[32 * 2];
  u32 count = 0;
  for (unsigned l = 0; l < 32; ++l) {
    if (!(access.mask >> l & 1))
      continue;
    u64 sector = access.address[l] / 32;
    bool found = false;
    for (u32 k = count; k-- > 0 && !found;)
      found = seen[k] == sector;
    if (!found)
      seen[count++] = sector;
  }
  counters.globalSectors += count;
  u64 distinct = access.uniform ? access.bytes : static_cast<u64>(lanes) * access.bytes;
  counters.idealSectors += (distinct + 31) / 32;
}

/// Waves of one request: lanes of 8 bytes go by halves of a warp, of 16 by quarters; in each,
/// the bank with the most different words decides.
inline void countShared(Warp &w, const u64 *address, u32 mask, u32 bytes) {
  Counters &counters = *w.block->counters;
  u32 phases = bytes <= 4 ? 1 : bytes / 4, lanes = 32 / phases;
  counters.sharedRequests += 1;
  for (u32 phase = 0; phase < phases; ++phase) {
    u64 words[32][32];
    u32 depth[32] = {}, most = 0;
    for (u32 l = phase * lanes; l < (phase + 1) * lanes; ++l) {
      if (!(mask >> l & 1))
        continue;
      for (u64 word = address[l] / 4; word <= (address[l] + bytes - 1) / 4; ++word) {
        u32 bank = static_cast<u32>(word % 32), k = 0;
        while (k < depth[bank] && words[bank][k] != word)
          ++k;
        if (k == depth[bank])
          words[bank][depth[bank]++] = word;
        most = depth[bank] > most ? depth[bank] : most;
      }
    }
    counters.sharedWaves += most;
    counters.idealWaves += most != 0;
  }
}

} // namespace
} // namespace ftc::FTC_EMULATOR_LEVEL
