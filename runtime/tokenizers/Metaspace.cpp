// Metaspace: white space becomes a visible character that words begin with.
#include "runtime/tokenizers/PreTokenizer.h"
#include "runtime/tokenizers/Unicode.h"

namespace ftc::rt {
namespace {

class Metaspace : public PreTokenizer {
public:
  explicit Metaspace(const MetaspaceOptions &o) : options(o) {
    unicode::append(replacement, options.replacement);
  }

  void apply(PieceText &in) const override {
    NormalizedText text;
    text.text.reserve(in.text.text.size() * 3 / 2 + 8);
    text.spans.reserve(in.text.text.size() * 3 / 2 + 8);
    std::vector<Piece> out;
    out.reserve(in.pieces.size() + in.text.text.size() / 4);
    for (const Piece &piece : in.pieces) {
      std::uint32_t begin = static_cast<std::uint32_t>(text.text.size());
      if (piece.token >= 0) {
        copy(in.text, piece.begin, piece.end, text);
        out.push_back({begin, static_cast<std::uint32_t>(text.text.size()), piece.token});
        continue;
      }
      std::string_view view = in.view(piece);
      Span first = in.text.spans[piece.begin];
      bool prepend = options.prepend == Prepend::Always ||
                     (options.prepend == Prepend::First && first.begin == 0);
      if (prepend && view[0] != ' ' && !view.starts_with(replacement))
        put(first, text);
      split(in.text, piece, begin, text, out);
    }
    in.text = std::move(text);
    in.pieces.swap(out);
  }

private:
  static void copy(const NormalizedText &from, std::uint32_t begin, std::uint32_t end,
                   NormalizedText &to) {
    to.text.append(from.text, begin, end - begin);
    to.spans.insert(to.spans.end(), from.spans.begin() + begin, from.spans.begin() + end);
  }
  void put(Span span, NormalizedText &to) const {
    to.text += replacement;
    to.spans.insert(to.spans.end(), replacement.size(), span);
  }

  /// Appends a piece with its spaces replaced, a word from each replacement character on.
  void split(const NormalizedText &in, const Piece &piece, std::uint32_t word,
             NormalizedText &text, std::vector<Piece> &out) const {
    auto close = [&] {
      std::uint32_t end = static_cast<std::uint32_t>(text.text.size());
      if (word < end)
        out.push_back({word, end, -1});
      word = end;
    };
    std::uint32_t plain = piece.begin;
    std::string_view all = in.text;
    for (std::uint32_t at = piece.begin; at < piece.end;) {
      bool space = all[at] == ' ';
      if (!space && (all[at] != replacement[0] ||
                     all.compare(at, replacement.size(), replacement) != 0)) {
        ++at;
        continue;
      }
      copy(in, plain, at, text);
      if (options.split)
        close();
      put(in.spans[at], text);
      at += space ? 1 : static_cast<std::uint32_t>(replacement.size());
      plain = at;
    }
    copy(in, plain, piece.end, text);
    close();
  }

  MetaspaceOptions options;
  std::string replacement;
};

} // namespace

std::unique_ptr<PreTokenizer> makeMetaspace(const MetaspaceOptions &options) {
  return std::make_unique<Metaspace>(options);
}

} // namespace ftc::rt
