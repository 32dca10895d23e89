// Decoders: token texts back to one text.
#pragma once

#include "runtime/tokenizers/Regex.h"

#include <memory>
#include <string>
#include <vector>

namespace ftc::rt {

/// Rewrites a list of token texts (possibly to fewer); the result's entries are joined.
class Decoder {
public:
  virtual ~Decoder() = default;
  virtual void apply(std::vector<std::string> &tokens) const = 0;
};
using DecoderList = std::vector<std::unique_ptr<Decoder>>;

std::unique_ptr<Decoder> makeWordPieceDecoder(std::string prefix, bool cleanup);
std::unique_ptr<Decoder> makeByteLevelDecoder();
/// <0xNN> tokens become bytes; runs that are not UTF-8 become one U+FFFD a byte.
std::unique_ptr<Decoder> makeByteFallbackDecoder();
std::unique_ptr<Decoder> makeFuseDecoder();
/// `pattern` is not empty.
std::unique_ptr<Decoder> makeReplaceDecoder(std::string pattern, std::string content);
/// The same for the matches of an expression that matches no empty text.
std::unique_ptr<Decoder> makeRegexReplaceDecoder(Regex pattern, std::string content);
/// `replacement` becomes a space; in the first token it vanishes when `dropFirst`.
std::unique_ptr<Decoder> makeMetaspaceDecoder(char32_t replacement, bool dropFirst);
/// `suffix`, which is not empty, becomes a space; in the last token it vanishes.
std::unique_ptr<Decoder> makeSuffixDecoder(std::string suffix);
/// Removes up to `start` and `stop` occurrences of a character at a token's ends.
std::unique_ptr<Decoder> makeStripDecoder(std::string character, std::size_t start,
                                          std::size_t stop);

/// Takes away the spaces that tokenizing puts before punctuation and English contractions:
/// transformers' clean_up_tokenization.
std::string cleanUpSpaces(std::string text);

} // namespace ftc::rt
