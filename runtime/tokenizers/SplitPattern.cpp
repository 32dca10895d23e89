// Hand-made matchers for known pre-tokenizer patterns: linear time, the recorded classes.
#include "runtime/tokenizers/SplitPattern.h"
#include "runtime/tokenizers/Unicode.h"

#include <array>
#include <cstdint>

namespace ftc::rt {
namespace {

using namespace unicode;

constexpr std::uint32_t textual = Letter | Number | PatternSpace;

/// Classes of ASCII at hand, without the table's two steps.
const std::array<std::uint32_t, 128> &asciiClasses() {
  static const std::array<std::uint32_t, 128> table = [] {
    std::array<std::uint32_t, 128> out{};
    for (unsigned c = 0; c < 128; ++c)
      out[c] = properties(c) & textual;
    return out;
  }();
  return table;
}

/// Reads characters with their classes.
class Reader {
public:
  explicit Reader(std::string_view t) : text(t), ascii(asciiClasses()) {}

  /// Classes of the character at `at`, whose end goes to `end`; 0 with end = at at text's end.
  std::uint32_t classes(std::size_t at, std::size_t &end) const {
    if (at >= text.size()) {
      end = at;
      return 0;
    }
    unsigned char byte = text[at];
    if (byte < 0x80) {
      end = at + 1;
      return ascii[byte];
    }
    end = at;
    return properties(decodeNext(text, end)) & textual;
  }
  bool is(std::size_t at, char c) const { return at < text.size() && text[at] == c; }
  bool isBreak(std::size_t at) const { return is(at, '\r') || is(at, '\n'); }
  /// End of the run of characters of class `kind` from `at`, at most `most` of them.
  std::size_t run(std::size_t at, std::uint32_t kind,
                  std::size_t most = std::size_t(-1)) const {
    std::size_t end;
    for (; most > 0 && at < text.size() && (classes(at, end) & kind); --most)
      at = end;
    return at;
  }
  /// End of the run of [^\s\p{L}\p{N}].
  std::size_t otherRun(std::size_t at) const {
    std::size_t end;
    while (at < text.size() && classes(at, end) == 0)
      at = end;
    return at;
  }
  /// \s+(?!\S)|\s+ at white space.
  std::size_t spaces(std::size_t at) const {
    std::size_t end = at, last = at, next;
    while (end < text.size() && (classes(end, next) & PatternSpace)) {
      last = end;
      end = next;
    }
    return end == text.size() || last == at ? end : last;
  }

  const std::string_view text;

private:
  const std::array<std::uint32_t, 128> &ascii;
};

/// End of 's|'t|'re|'ve|'m|'ll|'d at an apostrophe, or `at`. Ignoring case, U+017F is an s too.
std::size_t contraction(const Reader &in, std::size_t at, bool ignoreCase) {
  auto letter = [&](std::size_t i) -> char {
    if (i >= in.text.size())
      return 0;
    char c = in.text[i];
    return ignoreCase && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  };
  char first = letter(at + 1), second = letter(at + 2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd')
    return at + 2;
  if (ignoreCase && in.text.substr(at + 1, 2) == "\xc5\xbf")
    return at + 3;
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') ||
      (first == 'l' && second == 'l'))
    return at + 3;
  return at;
}

/// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,most}|
/// ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
std::size_t matchTiktoken(std::string_view text, std::size_t at, std::size_t mostDigits) {
  Reader in(text);
  if (in.is(at, '\''))
    if (std::size_t end = contraction(in, at, true); end > at)
      return end;
  std::size_t next, afterNext;
  std::uint32_t kind = in.classes(at, next);
  if (kind & Letter)
    return in.run(next, Letter);
  if (!(kind & Number) && !in.isBreak(at) && (in.classes(next, afterNext) & Letter))
    return in.run(afterNext, Letter);
  if (kind & Number)
    return in.run(at, Number, mostDigits);
  std::size_t other = in.is(at, ' ') ? next : at;
  if (std::size_t end = in.otherRun(other); end > other) {
    while (in.isBreak(end))
      ++end;
    return end;
  }
  std::size_t lastBreak = at;
  for (std::size_t i = at, end; i < text.size() && (in.classes(i, end) & PatternSpace); i = end)
    if (in.isBreak(i))
      lastBreak = end;
  return lastBreak > at ? lastBreak : in.spaces(at);
}

std::size_t matchLlama3(std::string_view text, std::size_t at) {
  return matchTiktoken(text, at, 3);
}
std::size_t matchQwen2(std::string_view text, std::size_t at) {
  return matchTiktoken(text, at, 1);
}

} // namespace

std::size_t matchGpt2(std::string_view text, std::size_t at) {
  Reader in(text);
  if (in.is(at, '\''))
    if (std::size_t end = contraction(in, at, false); end > at)
      return end;
  std::size_t begin = in.is(at, ' ') ? at + 1 : at, next;
  std::uint32_t kind = in.classes(begin, next);
  if (kind & Letter)
    return in.run(next, Letter);
  if (kind & Number)
    return in.run(next, Number);
  if (begin < text.size() && kind == 0)
    return in.otherRun(next);
  return in.spaces(at);
}

PatternMatcher findPattern(std::string_view regex) {
  static constexpr std::string_view contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|";
  static constexpr std::string_view words = "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|";
  static constexpr std::string_view rest =
      "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  if (regex ==
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+")
    return matchGpt2;
  std::string_view head[] = {contractions, words};
  for (std::string_view part : head) {
    if (regex.substr(0, part.size()) != part)
      return nullptr;
    regex.remove_prefix(part.size());
  }
  if (regex.size() < rest.size() || regex.substr(regex.size() - rest.size()) != rest)
    return nullptr;
  regex.remove_suffix(rest.size());
  return regex == "\\p{N}{1,3}" ? matchLlama3 : regex == "\\p{N}" ? matchQwen2 : nullptr;
}

} // namespace ftc::rt
