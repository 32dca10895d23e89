// A small matcher of regular expressions as tokenizer files use them, faithful to Oniguruma.
#pragma once

#include "runtime/support/Status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ftc::rt {

/// Literals, '.', classes with ranges, \s \S \r \n \t, \p{L} \p{N} and their complements,
/// groups
/// (?:...), alternation, greedy, lazy and possessive quantifiers, look-ahead, atomic groups.
/// Anything else is refused by name. Leftmost match, alternatives in order; a search takes time
/// linear in the text but for look-aheads.
class Regex {
public:
  static Result<Regex> compile(std::string_view pattern);

  /// The first match at or after `from` in valid UTF-8; false when there is none.
  bool find(std::string_view text, std::size_t from, std::size_t &begin,
            std::size_t &end) const;
  /// True when the expression can match an empty text.
  bool matchesEmpty() const { return empty; }

private:
  friend class RegexCompiler;
  friend class RegexRun;

  /// A set of characters: ranges and classes, maybe complemented.
  struct Set {
    std::vector<std::pair<char32_t, char32_t>> ranges;
    std::uint32_t classes = 0;             ///< unicode::Property bits, any of which is in
    std::vector<std::uint32_t> notClasses; ///< classes whose complements are in
    bool complement = false;
    bool has(char32_t c) const;
  };
  enum class Op : std::uint8_t {
    Take,  ///< one character of sets[first]
    Split, ///< try first, then second
    Jump,  ///< to first
    Ahead, ///< what follows must match; continues at first
    NotAhead,
    Atomic, ///< what follows matches once and for all; continues at first
    Match
  };
  struct Instruction {
    Op op;
    std::uint32_t first = 0, second = 0;
  };
  std::vector<Instruction> program;
  std::vector<Set> sets;
  bool empty = false;
};

} // namespace ftc::rt
