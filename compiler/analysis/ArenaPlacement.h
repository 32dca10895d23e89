// Where buffers lie in an arena: those whose lives overlap apart, the whole as small as a few
// greedy orders find.
#pragma once

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>

namespace ftc {

/// What a buffer of `bytes` takes in memory: with the slack behind it, whole places.
std::int64_t placedBytes(std::int64_t bytes);

/// A buffer of an arena: its bytes, and the commands [first, last] through which it lives.
struct ArenaLife {
  std::int64_t bytes = 0;
  int first = 0, last = 0;
  std::int64_t offset = 0; ///< its place

  std::int64_t end() const { return offset + bytes; }
  bool overlaps(const ArenaLife &other) const {
    return first <= other.last && other.first <= last;
  }
};

/// Gives each of `lives` the lowest offset that is free of `fixed` and of those placed before
/// it, over its whole life: largest first, or those that die last first, whichever takes less
/// in all, `fixed` included. Offsets are sums of sizes: multiples of what all sizes are
/// multiples of. Returns the end of what was placed, `fixed` not included.
std::int64_t placeArena(llvm::MutableArrayRef<ArenaLife> lives,
                        llvm::ArrayRef<ArenaLife> fixed = {});

} // namespace ftc
