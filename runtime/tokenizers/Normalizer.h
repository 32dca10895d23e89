// The normalizers of tokenizer.json, run in order on text segments between added tokens.
#pragma once

#include "runtime/support/Status.h"
#include "runtime/tokenizers/Charsmap.h"
#include "runtime/tokenizers/NormalizedText.h"
#include "runtime/tokenizers/Regex.h"

#include <memory>
#include <string>
#include <vector>

namespace ftc::rt {

struct BertNormalizerOptions {
  bool cleanText = true;
  bool padCjk = true;
  bool stripAccents = true;
  bool lowercase = true;
};

/// One normalization step. Rewrites `text`; returns false when the result would have more than
/// `limit` code points.
class Normalizer {
public:
  virtual ~Normalizer() = default;
  virtual bool apply(NormalizedChars &text, std::size_t limit) const = 0;
  /// Appends the normalized form of raw UTF-8 in one pass where that is possible; returns
  /// false, with `out` unchanged, where it is not.
  virtual bool applyFast(std::string_view raw, std::int32_t firstIndex,
                         NormalizedText &out) const {
    return false;
  }
};

std::unique_ptr<Normalizer> makeBertNormalizer(const BertNormalizerOptions &options);
std::unique_ptr<Normalizer> makeLowercase();
std::unique_ptr<Normalizer> makeFormNormalizer(NormalForm form);
std::unique_ptr<Normalizer> makeStripAccents();
std::unique_ptr<Normalizer> makeStrip(bool left, bool right);
/// `content` is valid UTF-8, not empty.
std::unique_ptr<Normalizer> makePrepend(std::string_view content);
/// Replaces each occurrence, left to right; `pattern` is not empty.
std::unique_ptr<Normalizer> makeReplace(std::string_view pattern, std::string_view content);
/// The same for the matches of an expression that matches no empty text.
std::unique_ptr<Normalizer> makeRegexReplace(Regex pattern, std::string_view content);
/// Replaces each grapheme cluster of fewer than 6 bytes that begins with a key of the map, and
/// each character of longer ones that does.
std::unique_ptr<Normalizer> makeCharsmapNormalizer(Charsmap map);

using NormalizerList = std::vector<std::unique_ptr<Normalizer>>;

/// Runs the list over raw UTF-8 whose first code point is number `firstIndex` and appends the
/// result. Fails when a malicious list makes the text grow without bound.
Status normalizeInto(const NormalizerList &list, std::string_view raw, std::int32_t firstIndex,
                     NormalizedText &out);

} // namespace ftc::rt
