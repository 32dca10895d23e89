// WordPiece: the longest piece first; a word with any part unmatched is wholly unknown.
#include "runtime/tokenizers/ByteTrie.h"
#include "runtime/tokenizers/Model.h"
#include "runtime/tokenizers/WordCache.h"

namespace ftc::rt {
namespace {

/// Longer limits than this would make matching slow on malicious files.
constexpr std::int64_t greatestMaxChars = 1000;

class WordPiece : public Model {
public:
  WordPiece(Vocabulary v, ByteTrie t, std::int32_t unk, std::string_view prefix,
            std::int64_t maxChars)
      : Model(std::move(v)), trie(std::move(t)), unknown(unk), inner(trie.find(prefix)),
        maxCharsPerWord(maxChars), owner(WordCache::newOwner()) {}

  void tokenize(std::string_view word, std::vector<WordToken> &out) const override {
    std::uint64_t hash = hashBytes(word);
    if (WordCache::find(owner, word, hash, out))
      return;
    std::size_t first = out.size();
    match(word, out);
    WordCache::store(owner, word, hash, out.data() + first, out.size() - first);
  }

private:
  void match(std::string_view word, std::vector<WordToken> &out) const {
    std::size_t first = out.size();
    if (tooLong(word)) {
      out.push_back({unknown, 0, static_cast<std::uint32_t>(word.size())});
      return;
    }
    for (std::size_t start = 0; start < word.size();) {
      std::uint32_t node = start == 0 ? 0 : inner;
      std::int32_t best = -1;
      std::size_t bestEnd = start;
      for (std::size_t i = start; i < word.size() && node != ByteTrie::none; ++i) {
        node = trie.child(node, static_cast<unsigned char>(word[i]));
        if (node != ByteTrie::none && trie.value(node) >= 0) {
          best = trie.value(node);
          bestEnd = i + 1;
        }
      }
      if (best < 0) {
        out.resize(first);
        out.push_back({unknown, 0, static_cast<std::uint32_t>(word.size())});
        return;
      }
      out.push_back(
          {best, static_cast<std::uint32_t>(start), static_cast<std::uint32_t>(bestEnd)});
      start = bestEnd;
    }
  }

  bool tooLong(std::string_view word) const {
    std::size_t limit = static_cast<std::size_t>(maxCharsPerWord);
    if (word.size() <= limit)
      return false;
    if (word.size() > limit * 4)
      return true;
    std::size_t chars = 0;
    for (char c : word)
      chars += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    return chars > limit;
  }

  ByteTrie trie;
  std::int32_t unknown;
  std::uint32_t inner; ///< where pieces inside a word begin
  std::int64_t maxCharsPerWord;
  std::uint32_t owner;
};

} // namespace

Result<std::unique_ptr<Model>> makeWordPiece(Vocabulary vocabulary,
                                             const WordPieceOptions &options) {
  if (options.maxCharsPerWord < 0 || options.maxCharsPerWord > greatestMaxChars)
    return Status::error("WordPiece: expected max_input_chars_per_word from 0 to " +
                         std::to_string(greatestMaxChars) + ", got " +
                         std::to_string(options.maxCharsPerWord));
  std::int32_t unknown = vocabulary.find(options.unknown);
  if (unknown < 0)
    return Status::error("WordPiece: expected the unknown token '" +
                         options.unknown.substr(0, 64) + "' in the vocabulary, got none");
  ByteTrie trie;
  for (const Vocabulary::Entry &entry : vocabulary.all())
    if (!trie.insert(vocabulary.text(entry), entry.id, true))
      return Status::error("WordPiece: the vocabulary is too large");
  return std::unique_ptr<Model>(
      std::make_unique<WordPiece>(std::move(vocabulary), std::move(trie), unknown,
                                  options.prefix, options.maxCharsPerWord));
}

} // namespace ftc::rt
