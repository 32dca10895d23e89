// Test data and the reference of dropout: what the harnesses of all targets share.
#include "test/kernels/KernelHarness.h"

namespace ftc::cpu::test {

Floats randomFloats(std::size_t count, unsigned seed, float scale) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-scale, scale);
  Floats values(count);
  for (std::size_t i = 0; i < count; ++i)
    values[i] = uniform(random);
  return values;
}

Floats toPanels(const Floats &weight, std::int64_t in, std::int64_t out, const CpuIsa &isa) {
  std::int64_t width = isa.panelWidth(out);
  Floats panels(packedElements(in, out, isa));
  for (std::int64_t o = 0; o < out; ++o)
    for (std::int64_t i = 0; i < in; ++i)
      panels[(o / width * in + i) * width + o % width] = weight[o * in + i];
  return panels;
}

Floats fromPanels(const Floats &panels, std::int64_t in, std::int64_t out, const CpuIsa &isa) {
  std::int64_t width = isa.panelWidth(out);
  Floats weight(in * out);
  for (std::int64_t o = 0; o < out; ++o)
    for (std::int64_t i = 0; i < in; ++i)
      weight[o * in + i] = panels[(o / width * in + i) * width + o % width];
  return weight;
}

double dropoutFactor(double p, std::uint32_t seed, std::uint32_t step, std::uint32_t opId,
                     std::uint32_t head, std::uint32_t sequence, std::uint32_t position,
                     std::uint32_t channel) {
  std::uint32_t key[2] = {seed, step};
  std::uint32_t counter[4] = {opId | head << 16, sequence, position,
                              channel / 64 * 16 + channel % 16};
  for (int round = 0; round < 10; ++round) {
    std::uint64_t left = std::uint64_t{0xD2511F53} * counter[0];
    std::uint64_t right = std::uint64_t{0xCD9E8D57} * counter[2];
    std::uint32_t next[4] = {
        std::uint32_t(right >> 32) ^ counter[1] ^ key[0], std::uint32_t(right),
        std::uint32_t(left >> 32) ^ counter[3] ^ key[1], std::uint32_t(left)};
    std::memcpy(counter, next, sizeof counter);
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  std::uint32_t word = counter[channel % 64 / 16];
  double uniform = (word >> 8) * 0x1p-24;
  return uniform >= p ? 1.0 / (1.0 - p) : 0.0;
}

} // namespace ftc::cpu::test
