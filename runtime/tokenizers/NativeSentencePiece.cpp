// SentencePiece's Normalizer and the optimized search of its unigram model.
#include "runtime/tokenizers/NativeSentencePiece.h"
#include "runtime/tokenizers/ByteTrie.h"
#include "runtime/tokenizers/Charsmap.h"
#include "runtime/tokenizers/Unicode.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

namespace ftc::rt {
namespace {

using Type = SentencePieceModel::PieceType;
constexpr std::string_view space = "\xe2\x96\x81";
/// Past this, scores of paths are counted anew from the character reached: in single precision
/// what lies before would round the differences away (SentencePiece 0.2.3,
/// kScoreResetThreshold).
constexpr float mostScore = 100000.0f;

class NativeNormalizer : public PreTokenizer {
public:
  NativeNormalizer(const SentencePieceModel &from, std::optional<Charsmap> m, ByteTrie s,
                   const Vocabulary &v, std::int32_t unk)
      : map(std::move(m)), symbols(std::move(s)), unknown(unk),
        addDummyPrefix(from.addDummyPrefix), squeezes(from.removeExtraWhitespaces),
        escapes(from.escapeWhitespaces), suffix(from.whitespaceIsSuffix) {
    for (const Vocabulary::Entry &entry : v.all())
      if (std::string_view text = v.text(entry); text.starts_with(">>"))
        (void)codes.add(text, entry.id);
  }

  void apply(PieceText &in) const override {
    NormalizedText text;
    std::vector<Piece> out;
    for (const Piece &piece : in.pieces) {
      if (piece.token >= 0) {
        copy(in.text, piece.begin, piece.end, piece.token, text, out);
        continue;
      }
      std::string_view view = in.view(piece);
      std::uint32_t code = languageCode(view);
      if (code > 0) {
        std::int32_t id = codes.find(view.substr(0, code));
        copy(in.text, piece.begin, piece.begin + code, id < 0 ? unknown : id, text, out);
      }
      std::uint32_t begin = static_cast<std::uint32_t>(text.text.size());
      normalize(in.text, piece.begin + code, piece.end, text);
      std::uint32_t end = static_cast<std::uint32_t>(text.text.size());
      if (begin < end)
        out.push_back({begin, end, -1});
    }
    in.text = std::move(text);
    in.pieces.swap(out);
  }

private:
  static std::uint32_t languageCode(std::string_view text) {
    std::size_t end = text.starts_with(">>") ? text.find("<<") : std::string_view::npos;
    return end == std::string_view::npos ? 0 : static_cast<std::uint32_t>(end) + 2;
  }
  static void copy(const NormalizedText &from, std::uint32_t begin, std::uint32_t end,
                   std::int32_t token, NormalizedText &to, std::vector<Piece> &pieces) {
    std::uint32_t at = static_cast<std::uint32_t>(to.text.size());
    to.text.append(from.text, begin, end - begin);
    to.spans.insert(to.spans.end(), from.spans.begin() + begin, from.spans.begin() + end);
    pieces.push_back({at, at + (end - begin), token});
  }

  /// Length of what is normalized as one, with its normalized form.
  std::size_t nextForm(std::string_view text, std::string_view &form) const {
    std::uint32_t node = 0;
    std::size_t length = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      node = symbols.child(node, static_cast<unsigned char>(text[i]));
      if (node == ByteTrie::none)
        break;
      if (symbols.value(node) >= 0)
        length = i + 1;
    }
    if (length == 0 && map && map->longest(text, form, length))
      return length;
    if (length == 0 && (static_cast<unsigned char>(text[0]) & 0xc0) == 0x80) {
      form = "\xef\xbf\xbd"; // the rest of a character whose beginning a key has taken
      return 1;
    }
    if (length == 0)
      length = unicode::sequenceLength(static_cast<unsigned char>(text[0]));
    form = text.substr(0, length);
    return length;
  }

  /// Appends bytes [begin, end) normalized. Each byte's span begins where what it stands for
  /// does and ends where the next byte's begins.
  void normalize(const NormalizedText &in, std::uint32_t begin, std::uint32_t end,
                 NormalizedText &out) const {
    std::string_view text = std::string_view(in.text).substr(0, end);
    std::size_t first = out.text.size();
    std::uint32_t at = begin;
    std::string_view form;
    auto origin = [&] { return at < end ? in.spans[at].begin : in.spans[end - 1].end; };
    auto put = [&](std::string_view bytes) {
      out.text += bytes;
      out.spans.resize(out.text.size(), Span{origin(), 0});
    };
    std::string_view visible = escapes ? space : std::string_view(" ");
    while (squeezes && at < end) {
      std::size_t length = nextForm(text.substr(at), form);
      if (form != " ")
        break;
      at += static_cast<std::uint32_t>(length);
    }
    if (at == end)
      return;
    if (addDummyPrefix && !suffix)
      put(visible);
    bool afterSpace = squeezes;
    while (at < end) {
      std::size_t length = nextForm(text.substr(at), form);
      while (afterSpace && form.starts_with(" "))
        form.remove_prefix(1);
      if (!form.empty()) {
        for (char c : form)
          put(c == ' ' ? visible : std::string_view(&c, 1));
        afterSpace = form.ends_with(" ");
      }
      at += static_cast<std::uint32_t>(length);
      afterSpace &= squeezes;
    }
    std::int32_t last = origin();
    while (squeezes && out.text.size() - first >= visible.size() &&
           std::string_view(out.text).substr(first).ends_with(visible)) {
      last = out.spans[out.text.size() - visible.size()].begin;
      out.text.resize(out.text.size() - visible.size());
      out.spans.resize(out.text.size());
    }
    if (addDummyPrefix && suffix) {
      out.text += visible;
      out.spans.resize(out.text.size(), Span{last, 0});
    }
    for (std::size_t i = out.spans.size(); i-- > first; last = out.spans[i].begin)
      out.spans[i].end = last;
  }

  std::optional<Charsmap> map;
  ByteTrie symbols; ///< user-defined ones
  Vocabulary codes; ///< language codes
  std::int32_t unknown;
  bool addDummyPrefix, squeezes, escapes, suffix;
};

class NativeUnigram : public Model {
public:
  NativeUnigram(const SentencePieceModel &from, ByteTrie t, Vocabulary v, std::int32_t unk)
      : Model(std::move(v)), trie(std::move(t)), unknownPiece(from.unknownId), unknown(unk),
        byteFallback(from.byteFallback) {
    float least = std::numeric_limits<float>::max();
    for (const SentencePieceModel::Piece &piece : from.pieces) {
      pieces.push_back({piece.score, piece.type, idOf(piece.text)});
      if (piece.type == Type::Normal)
        least = std::min(least, piece.score);
    }
    unknownScore = least - 10.0f;
    static const char digits[] = "0123456789ABCDEF";
    for (unsigned b = 0; b < 256; ++b) {
      char text[] = {'<', '0', 'x', digits[b >> 4], digits[b & 15], '>'};
      byteTokens[b] = idOf(std::string_view(text, sizeof text));
    }
  }

  void tokenize(std::string_view word, std::vector<WordToken> &out) const override {
    static thread_local std::vector<Best> best;
    best.assign(word.size() + 1, Best{});
    std::size_t frontier = 0;
    for (std::size_t begin = 0; begin < word.size();)
      begin += extend(word, begin, best, frontier);
    std::size_t first = out.size();
    for (std::size_t end = word.size(); end > 0;) {
      std::uint32_t begin = best[end].begin;
      std::int32_t piece = best[end].piece;
      if (piece != unknownPiece) {
        out.push_back({pieces[piece].id, begin, static_cast<std::uint32_t>(end)});
      } else if (byteFallback) {
        pushBytes(word, begin, static_cast<std::uint32_t>(end), out);
      } else {
        while (begin > 0 && best[begin].piece == unknownPiece)
          begin = best[begin].begin;
        out.push_back(
            {idOf(word.substr(begin, end - begin)), begin, static_cast<std::uint32_t>(end)});
      }
      end = begin;
    }
    std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
    if (best.capacity() > (1u << 16))
      std::vector<Best>().swap(best);
  }

private:
  struct Scored {
    float score;
    Type type;
    std::int32_t id; ///< in the vocabulary
  };
  static constexpr std::uint32_t nowhere = 0xffffffff;
  /// The best path that ends at a byte.
  struct Best {
    float score = 0;
    std::uint32_t begin = nowhere; ///< where its last piece begins
    std::int32_t piece = 0;
  };

  std::int32_t idOf(std::string_view text) const {
    std::int32_t id = vocabulary.find(text);
    return id < 0 ? unknown : id;
  }

  /// Counts scores from `begin` on where the path there has too large a one; paths end at bytes
  /// up to `frontier`.
  static void rebase(std::size_t begin, std::size_t frontier, std::vector<Best> &best) {
    float offset = best[begin].score;
    if (offset < -mostScore || offset > mostScore)
      for (std::size_t end = begin; end <= frontier; ++end)
        if (best[end].begin != nowhere)
          best[end].score -= offset;
  }

  /// Offers every piece that begins at `begin` and raises `frontier` to the last byte at which
  /// one ends; returns the length of the character there.
  std::size_t extend(std::string_view word, std::size_t begin, std::vector<Best> &best,
                     std::size_t &frontier) const {
    rebase(begin, frontier, best);
    float before = best[begin].score;
    std::size_t length = unicode::sequenceLength(static_cast<unsigned char>(word[begin]));
    bool single = false;
    auto offer = [&](std::size_t end, std::int32_t piece, float score) {
      float candidate = score + before;
      frontier = std::max(frontier, end);
      if (best[end].begin == nowhere || candidate > best[end].score)
        best[end] = {candidate, static_cast<std::uint32_t>(begin), piece};
    };
    std::uint32_t node = 0;
    for (std::size_t i = begin; i < word.size(); ++i) {
      node = trie.child(node, static_cast<unsigned char>(word[i]));
      if (node == ByteTrie::none)
        break;
      std::int32_t piece = trie.value(node);
      if (piece < 0 || pieces[piece].type == Type::Unused)
        continue;
      std::size_t size = i + 1 - begin;
      // What adds to the score is taken before what costs, as all other pieces do.
      offer(i + 1, piece,
            pieces[piece].type == Type::UserDefined
                ? static_cast<float>(0.1 * static_cast<double>(size - 1))
                : pieces[piece].score);
      single |= size == length;
    }
    if (!single)
      offer(begin + length, unknownPiece, unknownScore);
    return length;
  }

  /// Byte tokens, last first: the last one spans the character, the others nothing.
  void pushBytes(std::string_view word, std::uint32_t begin, std::uint32_t end,
                 std::vector<WordToken> &out) const {
    for (std::uint32_t i = end; i-- > begin;)
      out.push_back(
          {byteTokens[static_cast<unsigned char>(word[i])], begin, i + 1 == end ? end : begin});
  }

  ByteTrie trie;
  std::vector<Scored> pieces;
  std::int32_t unknownPiece, unknown;
  bool byteFallback;
  float unknownScore;
  std::array<std::int32_t, 256> byteTokens{};
};

} // namespace

Result<std::unique_ptr<PreTokenizer>> makeNativeNormalizer(const SentencePieceModel &from,
                                                           const Vocabulary &vocabulary,
                                                           std::int32_t unknown) {
  std::optional<Charsmap> map;
  if (!from.charsmap.empty()) {
    FTC_ASSIGN_OR_RETURN(map, Charsmap::parse(from.charsmap));
  }
  ByteTrie symbols;
  for (const SentencePieceModel::Piece &piece : from.pieces)
    if (piece.type == Type::UserDefined && !piece.text.empty() &&
        !symbols.insert(piece.text, 1, true))
      return Status::error("too many user-defined symbols");
  return std::unique_ptr<PreTokenizer>(std::make_unique<NativeNormalizer>(
      from, std::move(map), std::move(symbols), vocabulary, unknown));
}

Result<std::unique_ptr<Model>> makeNativeUnigram(const SentencePieceModel &from,
                                                 Vocabulary vocabulary, std::int32_t unknown) {
  if (from.kind != SentencePieceModel::Kind::Unigram)
    return Status::error("a SentencePiece model of another kind than unigram is not yet "
                         "supported");
  ByteTrie trie;
  for (std::size_t i = 0; i < from.pieces.size(); ++i) {
    const SentencePieceModel::Piece &piece = from.pieces[i];
    bool searched = piece.type == Type::Normal || piece.type == Type::UserDefined ||
                    piece.type == Type::Unused;
    if (piece.text.size() > 4096)
      return Status::error("expected pieces of at most 4096 bytes, got one of " +
                           std::to_string(piece.text.size()));
    if (searched && !piece.text.empty() &&
        !trie.insert(piece.text, static_cast<std::int32_t>(i), true))
      return Status::error("the SentencePiece model has too many pieces");
  }
  return std::unique_ptr<Model>(
      std::make_unique<NativeUnigram>(from, std::move(trie), std::move(vocabulary), unknown));
}

} // namespace ftc::rt
