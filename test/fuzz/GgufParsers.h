// The reader of GGUF files behind the signature of Parsers.h.
#pragma once

#include "runtime/support/Status.h"

#include <string_view>

namespace ftc::test {

/// A file's bytes: the container, config.json, names of tensors and the tokenizer.
rt::Status parseGguf(std::string_view bytes);

} // namespace ftc::test
