// Text on its way to the model, with each byte's place in the caller's input. Normalizers
// rewrite it as tokenizers' NormalizedString does, so that offsets come out equal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ftc::rt {

/// [begin, end) in code points of the caller's input.
struct Span {
  std::int32_t begin = 0;
  std::int32_t end = 0;
};

/// UTF-8 text; `spans` has one entry a byte, equal for all bytes of one character.
struct NormalizedText {
  std::string text;
  std::vector<Span> spans;

  void clear() {
    text.clear();
    spans.clear();
  }
  /// Appends valid UTF-8 whose first code point is number `firstIndex` of the input.
  void appendRaw(std::string_view raw, std::int32_t firstIndex);
  /// Appends one code point.
  void append(char32_t c, Span span);
};

/// The same as code points: what normalizers work on.
struct NormalizedChars {
  std::vector<char32_t> chars;
  std::vector<Span> spans;

  void assign(const NormalizedText &from);
  void store(NormalizedText &to) const;
  void push(char32_t c, Span span) {
    chars.push_back(c);
    spans.push_back(span);
  }
  /// Keeps the characters that `keep` accepts, each with its own span.
  template <typename Keep> void filter(Keep keep) {
    std::size_t out = 0;
    for (std::size_t i = 0; i < chars.size(); ++i)
      if (keep(chars[i])) {
        chars[out] = chars[i];
        spans[out++] = spans[i];
      }
    chars.resize(out);
    spans.resize(out);
  }
};

/// A character of a rewritten text. change > 0: added; otherwise it replaces one character and
/// -change further ones vanish behind it.
struct Rewritten {
  char32_t c;
  std::int32_t change;
  std::uint8_t combining; ///< canonical combining class, while marks are sorted
};

/// Replaces the text by `chars`. As in tokenizers, the k-th character that replaces takes the
/// span of the k-th replaced one, an added one shares its predecessor's.
void rewrite(NormalizedChars &text, const std::vector<Rewritten> &chars);

enum class NormalForm { C, D, KC, KD };

/// Unicode normalization; alignments as rewrite() gives them, in order of output, reordering
/// notwithstanding.
void normalizeForm(NormalizedChars &text, NormalForm form);
void lowercase(NormalizedChars &text);

} // namespace ftc::rt
