// Quoting of untrusted strings for one-line messages, and UTF-8 validation.
#include "runtime/support/Text.h"

#include <cstdio>
#include <cstring>

namespace ftc::rt {

std::size_t utf8Length(std::string_view text, std::size_t at) {
  auto byte = [&](std::size_t i) -> unsigned {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0;
  };
  auto continues = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
  if (at >= text.size())
    return 0;
  unsigned lead = byte(0);
  if (lead < 0x80)
    return 1;
  if (lead < 0xC2)
    return 0;
  if (lead < 0xE0)
    return continues(1) ? 2 : 0;
  if (lead < 0xF0) {
    unsigned low = lead == 0xE0 ? 0xA0 : 0x80, high = lead == 0xED ? 0x9F : 0xBF;
    return byte(1) >= low && byte(1) <= high && continues(2) ? 3 : 0;
  }
  if (lead < 0xF5) {
    unsigned low = lead == 0xF0 ? 0x90 : 0x80, high = lead == 0xF4 ? 0x8F : 0xBF;
    return byte(1) >= low && byte(1) <= high && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

std::optional<std::size_t> findInvalidUtf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    // Eight ASCII bytes at once: most text takes this path alone.
    while (at + 8 <= text.size()) {
      std::uint64_t word;
      std::memcpy(&word, text.data() + at, 8);
      if (word & 0x8080808080808080ull)
        break;
      at += 8;
    }
    if (at == text.size())
      break;
    std::size_t length = utf8Length(text, at);
    if (!length)
      return at;
    at += length;
  }
  return std::nullopt;
}

std::string escape(std::string_view text, std::size_t maxBytes) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    unsigned char c = static_cast<unsigned char>(text[at]);
    std::size_t length = utf8Length(text, at);
    std::string piece;
    // U+0080..U+009F are control characters, U+2028/2029 end a line, and the bidirectional
    // controls reorder what a terminal shows.
    bool c1 = length == 2 && c == 0xC2 && static_cast<unsigned char>(text[at + 1]) < 0xA0;
    bool format = false;
    if (length == 3 && c == 0xE2) {
      unsigned point = 0x2000u | ((static_cast<unsigned char>(text[at + 1]) & 0x3F) << 6) |
                       (static_cast<unsigned char>(text[at + 2]) & 0x3F);
      format = (point >= 0x2028 && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069);
    }
    if (c == '\n')
      piece = "\\n";
    else if (c == '\t')
      piece = "\\t";
    else if (c == '\r')
      piece = "\\r";
    else if (c == '\\' || c == '\'')
      piece = {'\\', static_cast<char>(c)};
    else if (c < 0x20 || c == 0x7F || length == 0 || c1 || format) {
      std::size_t bytes = length ? length : 1;
      for (std::size_t i = 0; i < bytes; ++i) {
        char hex[8];
        std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned char>(text[at + i]));
        piece += hex;
      }
    } else
      piece = text.substr(at, length);
    if (out.size() + piece.size() > maxBytes)
      return out + "...";
    out += piece;
    at += length ? length : 1;
  }
  return out;
}

std::string quote(std::string_view text, std::size_t maxBytes) {
  return "'" + escape(text, maxBytes) + "'";
}

std::string quoteList(std::span<const std::string> names, std::size_t maxItems) {
  if (names.empty())
    return "none";
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < maxItems; ++i)
    out += (i ? ", " : "") + quote(names[i], 60);
  if (names.size() > maxItems)
    out += " and " + std::to_string(names.size() - maxItems) + " more";
  return out;
}

std::string mebibytes(std::int64_t bytes) {
  char text[64];
  std::snprintf(text, sizeof text, "%.1f MiB", static_cast<double>(bytes) / (1 << 20));
  return text;
}

std::string describeBytes(std::uint64_t bytes) {
  std::string out = std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
  if (bytes < 1024)
    return out;
  static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double scaled = static_cast<double>(bytes) / 1024;
  int unit = 0;
  for (; scaled >= 1024 && unit < 5; ++unit)
    scaled /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, " (%.1f %s)", scaled, units[unit]);
  return out + text;
}

} // namespace ftc::rt
