// Greedy placement in two orders.
#include "compiler/analysis/ArenaPlacement.h"

#include "runtime/abi/Kernel.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <algorithm>
#include <numeric>

namespace ftc {

std::int64_t placedBytes(std::int64_t bytes) {
  return (bytes + abi::kBufferSlack + abi::kBufferAlignment - 1) / abi::kBufferAlignment *
         abi::kBufferAlignment;
}

using Order = llvm::SmallVector<unsigned>;

/// Places `lives` in this order; the end of all.
static std::int64_t placeInOrder(llvm::MutableArrayRef<ArenaLife> lives,
                                 llvm::ArrayRef<ArenaLife> fixed,
                                 llvm::ArrayRef<unsigned> order) {
  llvm::SmallVector<ArenaLife> placed(fixed);
  // By offset, so that gaps are met in ascending order.
  auto byOffset = [](const ArenaLife &a, const ArenaLife &b) { return a.offset < b.offset; };
  llvm::stable_sort(placed, byOffset);
  std::int64_t end = 0;
  for (unsigned index : order) {
    ArenaLife &life = lives[index];
    life.offset = 0;
    for (const ArenaLife &other : placed) {
      if (!other.overlaps(life))
        continue;
      if (life.end() <= other.offset)
        break;
      life.offset = std::max(life.offset, other.end());
    }
    placed.insert(std::upper_bound(placed.begin(), placed.end(), life, byOffset), life);
    end = std::max(end, life.end());
  }
  return end;
}

std::int64_t placeArena(llvm::MutableArrayRef<ArenaLife> lives,
                        llvm::ArrayRef<ArenaLife> fixed) {
  std::int64_t least = 0;
  for (const ArenaLife &life : fixed)
    least = std::max(least, life.end());
  Order bySize(lives.size());
  std::iota(bySize.begin(), bySize.end(), 0);
  Order byDeath = bySize;
  llvm::stable_sort(bySize,
                    [&](unsigned a, unsigned b) { return lives[a].bytes > lives[b].bytes; });
  llvm::stable_sort(byDeath, [&](unsigned a, unsigned b) {
    return std::pair(lives[a].last, lives[a].bytes) > std::pair(lives[b].last, lives[b].bytes);
  });
  llvm::SmallVector<ArenaLife> second(lives);
  std::int64_t end = placeInOrder(lives, fixed, bySize);
  std::int64_t endOfSecond = placeInOrder(second, fixed, byDeath);
  if (std::max(endOfSecond, least) >= std::max(end, least))
    return end;
  llvm::copy(second, lives.begin());
  return endOfSecond;
}

} // namespace ftc
