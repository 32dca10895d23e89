// A model turns one pre-token into vocabulary ids. WordPiece and BPE.
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

/// A token of a word: its id and where it ends, in bytes of the word. Tokens of a word are
/// contiguous from 0.
struct WordToken {
  std::int32_t id;
  std::uint32_t end;
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

/// The 256-character alphabet of byte-level BPE: the code point that stands for each byte.
const std::array<char32_t, 256> &byteAlphabet();
/// The byte that a code point of the alphabet stands for, or -1.
int alphabetByte(char32_t c);

} // namespace ftc::rt
