// Darts' units: label in bits 0-7, leaf flag in bit 8, offset from bit 10 (times 256 with bit
// 9).
#include "runtime/tokenizers/Charsmap.h"
#include "runtime/support/Text.h"

namespace ftc::rt {
namespace {

std::uint32_t readLittleEndian(std::string_view bytes, std::size_t at) {
  std::uint32_t out = 0;
  for (unsigned i = 0; i < 4; ++i)
    out |= std::uint32_t(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  return out;
}

std::size_t offsetOf(std::uint32_t unit) { return (unit >> 10) << ((unit & (1u << 9)) >> 6); }

} // namespace

Result<Charsmap> Charsmap::parse(std::string_view blob) {
  if (blob.size() < 4)
    return Status::error("character map: expected at least 4 bytes, got " +
                         std::to_string(blob.size()));
  std::size_t size = readLittleEndian(blob, 0);
  if (size < 4 || size % 4 != 0 || size > blob.size() - 4)
    return Status::error("character map: expected an array of 4 to " +
                         std::to_string(blob.size() - 4) +
                         " bytes, a multiple of 4, got one of " + std::to_string(size));
  Charsmap out;
  out.units.resize(size / 4);
  for (std::size_t i = 0; i < out.units.size(); ++i)
    out.units[i] = readLittleEndian(blob, 4 + 4 * i);
  out.pool = blob.substr(4 + size);
  if (auto bad = findInvalidUtf8(out.pool))
    return Status::error("character map: invalid UTF-8 at byte " + std::to_string(*bad) +
                         " of its texts");
  return out;
}

template <typename Hit> void Charsmap::walk(std::string_view text, Hit hit) const {
  std::size_t at = offsetOf(units[0]);
  for (std::size_t i = 0; i < text.size() && text[i] != '\0'; ++i) {
    std::uint32_t byte = static_cast<unsigned char>(text[i]);
    at ^= byte;
    if (at >= units.size() || (units[at] & (1u << 31 | 0xffu)) != byte)
      return;
    bool leaf = units[at] >> 8 & 1;
    at ^= offsetOf(units[at]);
    if (leaf && (at >= units.size() || !hit(units[at] & 0x7fffffffu, i + 1)))
      return;
  }
}

bool Charsmap::formAt(std::uint32_t place, std::string_view &form) const {
  if (place > pool.size() ||
      (place < pool.size() && (static_cast<unsigned char>(pool[place]) & 0xc0) == 0x80))
    return false;
  std::size_t end = pool.find('\0', place);
  form = std::string_view(pool).substr(place, end == std::string::npos ? std::string::npos
                                                                       : end - place);
  return true;
}

bool Charsmap::shortest(std::string_view text, std::string_view &form) const {
  bool found = false;
  walk(text, [&](std::uint32_t place, std::size_t) {
    found = formAt(place, form);
    return false;
  });
  return found;
}

bool Charsmap::longest(std::string_view text, std::string_view &form,
                       std::size_t &length) const {
  bool found = false;
  walk(text, [&](std::uint32_t place, std::size_t size) {
    std::string_view candidate;
    if (formAt(place, candidate)) {
      found = true;
      form = candidate;
      length = size;
    }
    return true;
  });
  return found;
}

} // namespace ftc::rt
