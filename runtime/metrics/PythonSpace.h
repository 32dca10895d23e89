// White space as Python's str.split() and str.strip() know it, which sacreBLEU's tokens and
// characters rest on.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace ftc::rt {

/// True for the code points of which Python's str.isspace() is true.
constexpr bool isPythonSpace(char32_t c) {
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
         c == 0x202f || c == 0x205f || c == 0x3000;
}

/// Bytes of the white space character at text[at], or 0 where there is another; `text` is any
/// bytes.
std::size_t pythonSpaceLength(std::string_view text, std::size_t at);

/// str.split(): the parts between runs of white space, none empty. They point into `text`.
std::vector<std::string_view> splitAtSpace(std::string_view text);

/// str.rstrip().
std::string_view stripEnd(std::string_view text);

/// str.strip().
std::string_view stripSpace(std::string_view text);

} // namespace ftc::rt
