// White space in UTF-8: one byte, two (U+0085, U+00A0) or three.
#include "runtime/metrics/PythonSpace.h"

namespace ftc::rt {

std::size_t pythonSpaceLength(std::string_view text, std::size_t at) {
  if (at >= text.size())
    return 0;
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  std::size_t left = text.size() - at;
  if (byte(0) < 0x80)
    return isPythonSpace(byte(0)) ? 1 : 0;
  if (byte(0) == 0xc2 && left >= 2)
    return byte(1) >= 0x80 && isPythonSpace(byte(1))
               ? 2
               : 0; // U+0080 to U+00BF are C2 and their own low byte.
  if (byte(0) < 0xe1 || byte(0) > 0xe3 || left < 3)
    return 0;
  char32_t c = (byte(0) & 0x0fu) << 12 | (byte(1) & 0x3fu) << 6 | (byte(2) & 0x3fu);
  return (byte(1) & 0xc0) == 0x80 && (byte(2) & 0xc0) == 0x80 && isPythonSpace(c) ? 3 : 0;
}

std::vector<std::string_view> splitAtSpace(std::string_view text) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t space = pythonSpaceLength(text, at);
    if (space == 0) {
      ++at;
      continue;
    }
    if (at > begin)
      parts.push_back(text.substr(begin, at - begin));
    at += space;
    begin = at;
  }
  if (begin < text.size())
    parts.push_back(text.substr(begin));
  return parts;
}

std::string_view stripEnd(std::string_view text) {
  for (;;) {
    std::size_t length = 0;
    for (std::size_t back = 1; back <= 3 && back <= text.size() && length == 0; ++back)
      if (pythonSpaceLength(text, text.size() - back) == back)
        length = back;
    if (length == 0)
      return text;
    text.remove_suffix(length);
  }
}

std::string_view stripSpace(std::string_view text) {
  while (std::size_t length = pythonSpaceLength(text, 0))
    text.remove_prefix(length);
  return stripEnd(text);
}

} // namespace ftc::rt
