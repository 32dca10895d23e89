// A table of 256 entries, a byte at a time: event files have some hundred bytes a logged step.
#include "runtime/support/Crc32c.h"

#include <array>

namespace ftc::rt {

namespace {

constexpr std::uint32_t kReflectedPolynomial = 0x82F63B78;

constexpr std::array<std::uint32_t, 256> makeTable() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit)
      value = (value >> 1) ^ ((value & 1) ? kReflectedPolynomial : 0);
    table[byte] = value;
  }
  return table;
}

constexpr std::array<std::uint32_t, 256> kTable = makeTable();

} // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t value = 0xFFFFFFFF;
  for (unsigned char byte : bytes)
    value = (value >> 8) ^ kTable[(value ^ byte) & 0xFF];
  return value ^ 0xFFFFFFFF;
}

} // namespace ftc::rt
