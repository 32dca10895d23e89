// Checks that abort: a broken promise is a finding, for libFuzzer and for tests alike.
#pragma once

#include "runtime/support/Status.h"
#include "runtime/support/Text.h"

#include <cstdio>
#include <cstdlib>

namespace ftc::test {

inline void require(bool holds, const char *what) {
  if (holds)
    return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

/// A refusal is one line of at most 500 printable characters.
inline rt::Status checked(rt::Status status) {
  if (!status) {
    const std::string &text = status.message();
    require(!text.empty() && text.size() <= 500, "a message has 1 to 500 bytes");
    require(rt::isValidUtf8(text), "a message is UTF-8");
    for (unsigned char c : text)
      require(c >= 0x20 && c != 0x7F, "a message has no control characters");
  }
  return status;
}

} // namespace ftc::test
