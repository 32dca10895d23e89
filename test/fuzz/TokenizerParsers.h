// The readers of tokenizer files behind the signature of Parsers.h.
#pragma once

#include "runtime/support/Status.h"

#include <string_view>

namespace ftc::test {

/// A tokenizer.json, then a few texts through what it makes.
rt::Status parseTokenizerJson(std::string_view bytes);
/// A SentencePiece model as T5 and as Marian use it.
rt::Status parseSentencePiece(std::string_view bytes);

} // namespace ftc::test
