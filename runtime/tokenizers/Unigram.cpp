// Unigram language model: the best-scored sequence of pieces (Viterbi in double precision).
#include "runtime/tokenizers/ByteTrie.h"
#include "runtime/tokenizers/Model.h"
#include "runtime/tokenizers/Unicode.h"
#include "runtime/tokenizers/WordCache.h"

#include <algorithm>
#include <array>

namespace ftc::rt {
namespace {

constexpr double unknownPenalty = 10;
/// Longer pieces than this would make the search slow on malicious files.
constexpr std::size_t longestPiece = 4096;

class Unigram : public Model {
public:
  Unigram(Vocabulary v, ByteTrie t, std::vector<double> s, const UnigramOptions &o)
      : Model(std::move(v)), trie(std::move(t)), scores(std::move(s)), unknown(o.unknownId),
        unknownScore(*std::min_element(scores.begin(), scores.end()) - unknownPenalty),
        owner(WordCache::newOwner()) {
    if (!o.byteFallback)
      return;
    static const char digits[] = "0123456789ABCDEF";
    for (unsigned b = 0; b < 256; ++b) {
      char text[] = {'<', '0', 'x', digits[b >> 4], digits[b & 15], '>'};
      byteTokens[b] = vocabulary.find(std::string_view(text, sizeof text));
    }
    byteFallback = true;
  }

  void tokenize(std::string_view word, std::vector<WordToken> &out) const override {
    std::uint64_t hash = hashBytes(word);
    if (WordCache::find(owner, word, hash, out))
      return;
    std::size_t first = out.size();
    search(word, out);
    WordCache::store(owner, word, hash, out.data() + first, out.size() - first);
  }

private:
  /// The best path that ends at a byte.
  struct Best {
    double score = 0;
    std::uint32_t begin = nowhere; ///< where its last piece begins
    std::int32_t id = 0;
  };
  static constexpr std::uint32_t nowhere = 0xffffffff;

  void search(std::string_view word, std::vector<WordToken> &out) const {
    static thread_local std::vector<Best> best;
    best.assign(word.size() + 1, Best{});
    auto offer = [&](std::uint32_t begin, std::size_t end, std::int32_t id, double score) {
      if (best[end].begin == nowhere || score > best[end].score)
        best[end] = {score, begin, id};
    };
    for (std::size_t begin = 0; begin < word.size();) {
      double before = best[begin].score;
      std::size_t length = unicode::sequenceLength(static_cast<unsigned char>(word[begin]));
      bool single = false;
      std::uint32_t node = 0;
      for (std::size_t i = begin; i < word.size(); ++i) {
        node = trie.child(node, static_cast<unsigned char>(word[i]));
        if (node == ByteTrie::none)
          break;
        std::int32_t id = trie.value(node);
        if (id < 0)
          continue;
        offer(static_cast<std::uint32_t>(begin), i + 1, id, before + scores[id]);
        single |= i + 1 - begin == length;
      }
      if (!single)
        offer(static_cast<std::uint32_t>(begin), begin + length, unknown,
              before + unknownScore);
      begin += length;
    }
    collect(word, best, out);
    if (best.capacity() > (1u << 16))
      std::vector<Best>().swap(best);
  }

  /// Follows the path back; neighbouring unknowns become one piece.
  void collect(std::string_view word, const std::vector<Best> &best,
               std::vector<WordToken> &out) const {
    std::size_t first = out.size();
    for (std::size_t end = word.size(); end > 0;) {
      std::uint32_t begin = best[end].begin;
      if (best[end].id != unknown) {
        out.push_back({best[end].id, begin, static_cast<std::uint32_t>(end)});
      } else {
        while (begin > 0 && best[begin].id == unknown)
          begin = best[begin].begin;
        pushUnknown(word, begin, static_cast<std::uint32_t>(end), out);
      }
      end = begin;
    }
    std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
  }

  /// Appends, last byte first, what stands for text without a piece.
  void pushUnknown(std::string_view word, std::uint32_t begin, std::uint32_t end,
                   std::vector<WordToken> &out) const {
    std::string_view text = word.substr(begin, end - begin);
    std::int32_t id = vocabulary.find(text);
    if (id < 0 && byteFallback &&
        std::all_of(
            text.begin(), text.end(),
            [&](char b) { return byteTokens[static_cast<unsigned char>(b)] >= 0; })) {
      for (std::size_t i = text.size(); i-- > 0;)
        out.push_back({byteTokens[static_cast<unsigned char>(text[i])], begin, end});
      return;
    }
    out.push_back({id < 0 ? unknown : id, begin, end});
  }

  ByteTrie trie;
  std::vector<double> scores; ///< by id
  std::int32_t unknown;
  double unknownScore;
  std::uint32_t owner;
  bool byteFallback = false;
  std::array<std::int32_t, 256> byteTokens{};
};

} // namespace

Result<std::unique_ptr<Model>> makeUnigram(const std::vector<ScoredPiece> &pieces,
                                           const UnigramOptions &options) {
  if (options.unknownId < 0 || std::size_t(options.unknownId) >= pieces.size())
    return Status::error("Unigram: expected an unk_id from 0 to " +
                         std::to_string(std::int64_t(pieces.size()) - 1) +
                         " (the vocabulary's size less one), got " +
                         std::to_string(options.unknownId));
  Vocabulary vocabulary;
  ByteTrie trie;
  std::vector<double> scores;
  for (const ScoredPiece &piece : pieces) {
    auto id = static_cast<std::int32_t>(scores.size());
    if (piece.text.size() > longestPiece)
      return Status::error("Unigram: expected pieces of at most " +
                           std::to_string(longestPiece) + " bytes, got one of " +
                           std::to_string(piece.text.size()));
    FTC_RETURN_IF_ERROR(vocabulary.add(piece.text, id).withContext("Unigram"));
    if (!piece.text.empty() && !trie.insert(piece.text, id, true))
      return Status::error("Unigram: the vocabulary is too large");
    scores.push_back(piece.score);
  }
  vocabulary.finish();
  return std::unique_ptr<Model>(std::make_unique<Unigram>(
      std::move(vocabulary), std::move(trie), std::move(scores), options));
}

} // namespace ftc::rt
