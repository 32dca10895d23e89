// format: numbers in texts by printf's patterns.
#pragma once

#include <cstdio>
#include <string>

namespace ftc::rt {

/// What std::printf(pattern, values...) writes, cut to 400 bytes. Patterns are literals of the
/// caller's; values are numbers and C strings.
template <typename... Values> std::string format(const char *pattern, Values... values) {
  char out[400];
  std::snprintf(out, sizeof out, pattern, values...);
  return out;
}

} // namespace ftc::rt
