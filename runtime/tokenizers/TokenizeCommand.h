// What `ftrt tokenize` does: a text file's lines to ids and offsets as JSON.
#pragma once

#include "runtime/support/Status.h"
#include "runtime/tokenizers/Tokenizer.h"

#include <cstdio>
#include <string>

namespace ftc::rt {

/// Prints {"ids": [...], "offsets": [[s,e],...]} for each line of `path`: special tokens added,
/// never cut, offsets in code points. Lines end in LF (CR LF accepted); a byte-order mark is
/// skipped; empty lines are lines. Invalid UTF-8 is refused with the file and the line.
Status tokenizeLines(const Tokenizer &tokenizer, const std::string &path, std::FILE *out);

/// The object for one encoding, without a line end.
std::string toJson(const Encoding &encoding);

} // namespace ftc::rt
