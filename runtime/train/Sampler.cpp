// Shuffling by sorting random keys: no state, no bias, the same on every machine.
#include "runtime/train/Sampler.h"

#include "runtime/support/Philox.h"

#include <algorithm>
#include <numeric>

namespace ftc::rt {

Sampler::Sampler(std::int64_t examples, std::uint32_t seed, bool shuffle)
    : seed(seed), shuffle(shuffle), permutation(examples), keyed(shuffle ? examples : 0) {}

const std::vector<std::int64_t> &Sampler::order(std::int64_t epoch) {
  if (epoch == current)
    return permutation;
  current = epoch;
  std::iota(permutation.begin(), permutation.end(), 0);
  if (!shuffle)
    return permutation;
  auto low = [](std::int64_t value) { return static_cast<std::uint32_t>(value); };
  auto high = [](std::int64_t value) { return static_cast<std::uint32_t>(value >> 32); };
  for (std::size_t i = 0; i < keyed.size(); ++i) {
    std::int64_t example = static_cast<std::int64_t>(i);
    auto words = philox({seed, static_cast<std::uint32_t>(PhiloxStream::Shuffle)},
                        {low(example), high(example), low(epoch), high(epoch)});
    keyed[i] = {std::uint64_t(words[0]) << 32 | words[1], example};
  }
  std::sort(keyed.begin(), keyed.end(), [](const Keyed &a, const Keyed &b) {
    return a.key != b.key ? a.key < b.key : a.example < b.example;
  });
  for (std::size_t i = 0; i < keyed.size(); ++i)
    permutation[i] = keyed[i].example;
  return permutation;
}

} // namespace ftc::rt
