// WordWindows: cuts a long row of words into overlapping windows of tokens so that each
// word's first token is wanted in exactly one of them, with context on both sides.
#pragma once

#include "runtime/tasks/Example.h"
#include "runtime/tokenizers/Tokenizer.h"

namespace ftc::rt {

/// Windows over `encoding`, the words of one row encoded without cutting, each of at most
/// `maxLength` tokens (0: one window) and with the special tokens of the whole. Neighbouring
/// windows share up to a quarter of their room; of a shared word the window with more
/// context around it wants the output. A word longer than a window keeps its first tokens.
/// Labels are 0 where an output is wanted. Fails when maxLength leaves no room for a word.
Result<std::vector<Example>> cutWordWindows(const Encoding &encoding, std::int64_t maxLength);

} // namespace ftc::rt
