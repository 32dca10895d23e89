// Decoders: token texts back to one text.
#pragma once

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
/// Removes up to `start` and `stop` occurrences of a character at a token's ends.
std::unique_ptr<Decoder> makeStripDecoder(std::string character, std::size_t start,
                                          std::size_t stop);

} // namespace ftc::rt
