// The rows of the key/value caches that no text holds.
#pragma once

#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

namespace ftc::rt {

/// Hands out slots of the caches. Which ones a text gets changes nothing but places.
class SlotPool {
public:
  explicit SlotPool(std::int64_t slots) : free(static_cast<std::size_t>(slots)) {
    std::iota(free.rbegin(), free.rend(), 0);
  }

  std::int64_t available() const { return static_cast<std::int64_t>(free.size()); }

  /// `count` slots, at most available().
  std::vector<std::int32_t> take(std::int64_t count) {
    std::vector<std::int32_t> taken(free.end() - count, free.end());
    free.resize(free.size() - static_cast<std::size_t>(count));
    return taken;
  }

  void giveBack(std::span<const std::int32_t> slots) {
    free.insert(free.end(), slots.begin(), slots.end());
  }

private:
  std::vector<std::int32_t> free;
};

} // namespace ftc::rt
