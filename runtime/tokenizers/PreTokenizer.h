// The pre-tokenizers of tokenizer.json: pieces of normalized text are split into words.
#pragma once

#include "runtime/tokenizers/NormalizedText.h"
#include "runtime/tokenizers/Regex.h"
#include "runtime/tokenizers/SplitPattern.h"

#include <memory>
#include <string>
#include <vector>

namespace ftc::rt {

/// Bytes [begin, end) of the text: an added token with its id, or (-1) text to be split. What
/// is text is never empty.
struct Piece {
  std::uint32_t begin, end;
  std::int32_t token;
};

/// A whole input on its way: the text and its pieces in order.
struct PieceText {
  NormalizedText text;
  std::vector<Piece> pieces;

  std::string_view view(const Piece &piece) const {
    return std::string_view(text.text).substr(piece.begin, piece.end - piece.begin);
  }
};

enum class SplitBehavior { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous };

class PreTokenizer {
public:
  virtual ~PreTokenizer() = default;
  virtual void apply(PieceText &in) const = 0;
};
using PreTokenizerList = std::vector<std::unique_ptr<PreTokenizer>>;

std::unique_ptr<PreTokenizer> makeBertPreTokenizer();
/// \w+|[^\w\s]+
std::unique_ptr<PreTokenizer> makeWhitespaceWords();
std::unique_ptr<PreTokenizer> makeWhitespaceSplit();
std::unique_ptr<PreTokenizer> makeDigits(bool individual);
std::unique_ptr<PreTokenizer> makePunctuation(SplitBehavior behavior);
std::unique_ptr<PreTokenizer> makePatternSplit(PatternMatcher pattern, SplitBehavior behavior,
                                               bool invert);
/// The same for an expression that matches no empty text.
std::unique_ptr<PreTokenizer> makeRegexSplit(Regex pattern, SplitBehavior behavior,
                                             bool invert);
/// Splits on occurrences of a text, which is not empty.
std::unique_ptr<PreTokenizer> makeLiteralSplit(std::string literal, SplitBehavior behavior,
                                               bool invert);

/// Where Metaspace puts a replacement character that is not there: before each piece, or before
/// the one that begins with the input's first character.
enum class Prepend { Always, First, Never };
struct MetaspaceOptions {
  char32_t replacement = 0x2581;
  Prepend prepend = Prepend::Always;
  bool split = true; ///< a new word at each replacement character
};
std::unique_ptr<PreTokenizer> makeMetaspace(const MetaspaceOptions &options);

struct ByteLevelOptions {
  bool addPrefixSpace = true;
  bool useRegex = true;
  /// Leave bytes as they are: the model applies the alphabet (Model::readsBytes).
  bool rawBytes = false;
};
std::unique_ptr<PreTokenizer> makeByteLevel(const ByteLevelOptions &options);

} // namespace ftc::rt
