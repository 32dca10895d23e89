// Unicode as tokenizers 0.22.2 sees it: character classes, case, decompositions, compositions,
// UTF-8. The tables are recorded from the wheel because it mixes Unicode versions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ftc::rt::unicode {

/// Property bits of a code point, in the order of makeUnicodeTables.py.
enum Property : std::uint32_t {
  Dropped = 1u << 0,        ///< removed by BertNormalizer's clean_text
  BertSpace = 1u << 1,      ///< becomes a space in clean_text
  Cjk = 1u << 2,            ///< padded by handle_chinese_chars
  NonspacingMark = 1u << 3, ///< removed by BertNormalizer's strip_accents
  Mark = 1u << 4,           ///< removed by StripAccents
  Punctuation = 1u << 5,    ///< isolated by BertPreTokenizer and Punctuation
  Whitespace = 1u << 6,
  Numeric = 1u << 7,        ///< Digits
  Word = 1u << 8,           ///< \w of Whitespace and single_word
  RegexSpace = 1u << 9,     ///< \s of Whitespace, lstrip, rstrip
  Letter = 1u << 10,        ///< \p{L} of the pre-tokenizer patterns
  Number = 1u << 11,        ///< \p{N}
  PatternSpace = 1u << 12,  ///< \s of the pre-tokenizer patterns
  Lowers = 1u << 13,        ///< lower case differs
  CanonicalForm = 1u << 14, ///< has a canonical decomposition or a combining class
  CompatForm = 1u << 15,    ///< has a compatibility decomposition or a combining class
  Composes = 1u << 16,      ///< may be the second of a composition
};

/// Property bits; 0 for what is not a scalar.
std::uint32_t properties(char32_t c);
inline bool has(char32_t c, std::uint32_t bits) { return (properties(c) & bits) != 0; }

/// Lower case of one character (one to three code points).
std::span<const std::uint32_t> lowerCase(char32_t c);
/// Full decomposition; empty when c stands for itself. Hangul syllables are written to `hangul`
/// (three entries), which must outlive the result.
std::span<const std::uint32_t> decompose(char32_t c, bool compatible, std::uint32_t *hangul);
/// Canonical combining class, 0 for starters.
std::uint8_t combiningClass(char32_t c);
/// The composition of two code points, or 0.
char32_t compose(char32_t first, char32_t second);

/// Length in bytes of the UTF-8 sequence that a lead byte of valid text begins.
inline unsigned sequenceLength(unsigned char lead) {
  return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}
/// Decodes the code point at `at` of valid UTF-8 and advances; at must be inside.
char32_t decodeNext(std::string_view text, std::size_t &at);
/// Decodes the code point that ends before `at` of valid UTF-8 and steps back; at must be > 0.
char32_t decodePrevious(std::string_view text, std::size_t &at);
void append(std::string &out, char32_t c);
/// Valid UTF-8 with each maximal invalid part replaced by U+FFFD, as Rust's from_utf8_lossy.
std::string lossy(std::string_view bytes);

} // namespace ftc::rt::unicode
