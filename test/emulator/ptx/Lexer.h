// PTX as tokens: words (with their dots and double colons), numbers, strings, punctuation.
#pragma once

#include <string_view>
#include <vector>

namespace ftc::emulator {

struct Token {
  enum class Kind { Word, Number, String, Punctuation, End } kind;
  std::string_view text;
  int line;
  bool is(std::string_view other) const { return kind != Kind::String && text == other; }
};

/// The tokens of `text`, which must outlive them; the last one is End. Comments are left out.
/// Throws Fault(InvalidPtx) for a character that PTX does not have.
std::vector<Token> lexPtx(std::string_view text);

} // namespace ftc::emulator
