// The parsers of untrusted bytes, each behind one signature: what libFuzzer,
// the mutation test and the comparison with Python call.
#pragma once

#include "runtime/support/Status.h"

#include <span>
#include <string_view>

namespace ftc::test {

struct Parser {
  /// Also the folder of its seeds.
  const char *name;
  /// Parses, and checks what a caller would rely on: a breach of that aborts.
  rt::Status (*parse)(std::string_view bytes);
};

std::span<const Parser> parsers();
/// nullptr when there is none.
const Parser *findParser(std::string_view name);

} // namespace ftc::test
