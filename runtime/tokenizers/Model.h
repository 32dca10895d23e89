// A model turns one pre-token into vocabulary ids: WordPiece, BPE, Unigram, WordLevel.
#pragma once

#include "runtime/support/Status.h"
#include "runtime/tokenizers/Vocabulary.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace ftc::rt {

/// A token of a word: its id and bytes [begin, end) of the word. Tokens of a word tile it,
/// except that the byte tokens of one unknown text of a Unigram model all span that text.
struct WordToken {
  std::int32_t id;
  std::uint32_t begin, end;
};

class Model {
public:
  explicit Model(Vocabulary v) : vocabulary(std::move(v)) {}
  virtual ~Model() = default;

  /// Appends the tokens of one non-empty word of valid UTF-8 (of any bytes when readsBytes()).
  virtual void tokenize(std::string_view word, std::vector<WordToken> &out) const = 0;
  /// True when words come as raw bytes and the byte-level alphabet is applied by the model: the
  /// same tokens, without spelling the alphabet out.
  virtual bool readsBytes() const { return false; }
  /// Asks for readsBytes(); stays as it is when the vocabulary lacks a part of the alphabet.
  virtual void useRawBytes() {}

  const Vocabulary &vocab() const { return vocabulary; }

protected:
  Vocabulary vocabulary;
};

struct WordPieceOptions {
  std::string unknown = "[UNK]";
  std::string prefix = "##";
  std::int64_t maxCharsPerWord = 100;
};
Result<std::unique_ptr<Model>> makeWordPiece(Vocabulary vocabulary,
                                             const WordPieceOptions &options);

struct BpeOptions {
  std::string unknown; ///< empty: unknown characters vanish
  bool fuseUnknown = false;
  bool byteFallback = false;
  bool ignoreMerges = false;
};
using Merges = std::vector<std::pair<std::string, std::string>>;
Result<std::unique_ptr<Model>> makeBpe(Vocabulary vocabulary, const Merges &merges,
                                       const BpeOptions &options);

/// A piece of a Unigram vocabulary; its place in the list is its id.
struct ScoredPiece {
  std::string text;
  double score; ///< log probability
};
struct UnigramOptions {
  std::int32_t unknownId = -1;
  bool byteFallback = false;
};
/// Scores an unknown character at the least score - 10; of equal scores the earlier start wins.
Result<std::unique_ptr<Model>> makeUnigram(const std::vector<ScoredPiece> &pieces,
                                           const UnigramOptions &options);

Result<std::unique_ptr<Model>> makeWordLevel(Vocabulary vocabulary, const std::string &unknown);

/// The 256-character alphabet of byte-level BPE: the code point that stands for each byte.
const std::array<char32_t, 256> &byteAlphabet();
/// The byte that a code point of the alphabet stands for, or -1.
int alphabetByte(char32_t c);

} // namespace ftc::rt
