// Philox4x32-10 (Salmon et al., SC 2011): counter-based random words, so that randomness has
// no state to save. The host's own streams; dropout's are made by the kernels (abi/Kernel.h).
#pragma once

#include <array>
#include <cstdint>

namespace ftc::rt {

/// Four random words, a function of key and counter alone.
constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 2> key,
                                              std::array<std::uint32_t, 4> counter) {
  for (int round = 0; round < 10; ++round) {
    std::uint64_t a = std::uint64_t(0xD2511F53) * counter[0];
    std::uint64_t b = std::uint64_t(0xCD9E8D57) * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

/// What a host stream is for: the second word of its key beside the seed.
enum class PhiloxStream : std::uint32_t {
  Shuffle = 0x53485546,
  Initialize = 0x494E4954,
  Sample = 0x53414D50
};

} // namespace ftc::rt
