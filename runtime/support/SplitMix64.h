// SplitMix64: a stream of random words that is the same on every machine. G. Steele, D. Lea,
// C. Flood, "Fast splittable pseudorandom number generators" (2014).
#pragma once

#include <cstdint>

namespace ftc::rt {

class SplitMix64 {
public:
  explicit SplitMix64(std::uint64_t seed) : state(seed) {}

  std::uint64_t next() {
    std::uint64_t mixed = state += 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
  }

private:
  std::uint64_t state;
};

} // namespace ftc::rt
