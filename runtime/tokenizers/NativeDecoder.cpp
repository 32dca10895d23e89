// SentencePiece's pieces back to text, around special tokens as MarianTokenizer does it.
#include "runtime/support/Text.h"
#include "runtime/tokenizers/NativeSentencePiece.h"
#include "runtime/tokenizers/Unicode.h"

namespace ftc::rt {
namespace {

using Type = SentencePieceModel::PieceType;
constexpr std::string_view space = "\xe2\x96\x81";

class NativeDecoder : public Decoder {
public:
  NativeDecoder(const SentencePieceModel &from, std::set<std::string> s,
                std::set<std::string> a)
      : specials(std::move(s)), added(std::move(a)), surface(from.unknownSurface),
        dropsFirst(from.addDummyPrefix || from.removeExtraWhitespaces),
        squeezes(from.removeExtraWhitespaces) {
    for (std::size_t i = 0; i < from.pieces.size(); ++i)
      (void)pieces.add(from.pieces[i].text, std::int64_t(i));
    for (const SentencePieceModel::Piece &piece : from.pieces)
      types.push_back(piece.type);
  }

  void apply(std::vector<std::string> &tokens) const override {
    std::string all, part;
    std::vector<std::string> run;
    bool any = false, open = false;
    auto flushRun = [&] {
      part += decodeRun(run);
      run.clear();
    };
    auto closePart = [&] {
      if (!open)
        return;
      flushRun();
      std::string text = stripped(part);
      if (any && !text.empty())
        all += ' ';
      any |= !text.empty();
      all += text;
      part.clear();
      open = false;
    };
    for (const std::string &token : tokens) {
      if (added.count(token)) {
        closePart();
        all += any ? " " + token : token;
        any = true;
        continue;
      }
      open = true;
      if (!specials.count(token)) {
        run.push_back(token);
        continue;
      }
      flushRun();
      part += token + " ";
    }
    closePart();
    tokens.assign(1, std::move(all));
  }

private:
  /// SentencePieceProcessor::DecodePieces
  std::string decodeRun(const std::vector<std::string> &run) const {
    std::string out, bytes;
    bool atBegin = true, keptSpace = false;
    for (const std::string &piece : run) {
      std::int32_t id = pieces.find(piece);
      Type type = id < 0 ? Type::Unknown : types[id];
      int byte = type == Type::Byte ? byteOf(piece) : -1;
      if (byte >= 0) {
        bytes += static_cast<char>(byte);
        continue;
      }
      appendBytes(bytes, out);
      atBegin &= !keptSpace && out.empty();
      std::string_view text = piece;
      keptSpace = false;
      if (type == Type::Control)
        text = "";
      else if (type == Type::Unknown)
        text = id < 0 ? text : std::string_view(surface);
      else if (atBegin && dropsFirst && text.starts_with(space)) {
        text.remove_prefix(space.size());
        keptSpace = !squeezes;
      }
      append(text, type, out);
    }
    appendBytes(bytes, out);
    return out;
  }

  /// The byte of "<0xNN>", or -1.
  static int byteOf(std::string_view piece) {
    static constexpr std::string_view digits = "0123456789ABCDEF";
    if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>')
      return -1;
    std::size_t high = digits.find(piece[3]), low = digits.find(piece[4]);
    bool both = high != std::string_view::npos && low != std::string_view::npos;
    return both ? static_cast<int>(high * 16 + low) : -1;
  }

  /// Moves collected bytes to the text, each that is no part of UTF-8 as U+FFFD.
  static void appendBytes(std::string &bytes, std::string &out) {
    for (std::size_t at = 0; at < bytes.size();) {
      std::size_t length = 1;
      while (length <= 4 && !isValidUtf8(std::string_view(bytes).substr(at, length)))
        ++length;
      if (length > 4 || at + length > bytes.size()) {
        out += "\xef\xbf\xbd";
        ++at;
        continue;
      }
      out.append(bytes, at, length);
      at += length;
    }
    bytes.clear();
  }

  static void append(std::string_view text, Type type, std::string &out) {
    bool visible = type != Type::Unknown && type != Type::Control;
    for (std::size_t at = 0; at < text.size();) {
      bool isSpace = visible && text.substr(at).starts_with(space);
      out += isSpace ? ' ' : text[at];
      at += isSpace ? space.size() : 1;
    }
  }

  /// str.replace("▁", " ").strip()
  static std::string stripped(const std::string &part) {
    std::string text;
    append(part, Type::Normal, text);
    auto isSpace = [](char32_t c) {
      return unicode::has(c, unicode::Whitespace) || (c >= 0x1c && c <= 0x1f);
    };
    std::size_t begin = 0, end = text.size();
    for (std::size_t at = 0; at < end && isSpace(unicode::decodeNext(text, at));)
      begin = at;
    for (std::size_t at = end; at > begin && isSpace(unicode::decodePrevious(text, at));)
      end = at;
    return text.substr(begin, end - begin);
  }

  std::set<std::string> specials, added;
  std::string surface;
  bool dropsFirst, squeezes;
  Vocabulary pieces;
  std::vector<Type> types;
};

} // namespace

std::unique_ptr<Decoder> makeNativeDecoder(const SentencePieceModel &from,
                                           std::set<std::string> specials,
                                           std::set<std::string> added) {
  return std::make_unique<NativeDecoder>(from, std::move(specials), std::move(added));
}

} // namespace ftc::rt
