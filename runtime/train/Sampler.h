// Sampler: the order in which an epoch visits the training examples, a function of seed, epoch
// and the number of examples alone.
#pragma once

#include <cstdint>
#include <vector>

namespace ftc::rt {

/// Recorded in checkpoints; bumped whenever the same seed would give another order.
constexpr int kPermutationVersion = 1;

class Sampler {
public:
  /// `shuffle` false: the file's order in every epoch.
  Sampler(std::int64_t examples, std::uint32_t seed, bool shuffle);

  /// The permutation of `epoch` (from 0), kept until another epoch is asked for. Version 1:
  /// examples sorted by the first two words of philox((seed, "SHUF"), (example, epoch)).
  const std::vector<std::int64_t> &order(std::int64_t epoch);

private:
  struct Keyed {
    std::uint64_t key;
    std::int64_t example;
  };
  std::uint32_t seed;
  bool shuffle;
  std::int64_t current = -1;
  std::vector<std::int64_t> permutation;
  std::vector<Keyed> keyed;
};

} // namespace ftc::rt
