// Splitting by character class, literal or pattern, and the byte-level alphabet.
#include "runtime/tokenizers/PreTokenizer.h"
#include "runtime/tokenizers/Model.h"
#include "runtime/tokenizers/Unicode.h"

#include <array>

namespace ftc::rt {
namespace {

using unicode::decodeNext;
using unicode::properties;

/// A stretch of a piece that does or does not match what it is split by.
struct Stretch {
  std::uint32_t begin, end;
  bool match;
};

/// Applies tokenizers' SplitDelimiterBehavior to stretches that tile a piece.
void settle(std::vector<Stretch> &stretches, SplitBehavior behavior, std::vector<Piece> &out) {
  auto push = [&](const Stretch &s) {
    if (s.begin < s.end)
      out.push_back({s.begin, s.end, -1});
  };
  std::size_t count = stretches.size();
  switch (behavior) {
  case SplitBehavior::Removed:
    for (const Stretch &s : stretches)
      if (!s.match)
        push(s);
    return;
  case SplitBehavior::Isolated:
    for (const Stretch &s : stretches)
      push(s);
    return;
  case SplitBehavior::Contiguous:
  case SplitBehavior::MergedWithPrevious: {
    bool previous = false, contiguous = behavior == SplitBehavior::Contiguous;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count; ++i) {
      bool match = stretches[i].match;
      bool join = contiguous ? match == previous : match && !previous;
      if (join && kept)
        stretches[kept - 1].end = stretches[i].end;
      else
        stretches[kept++] = stretches[i];
      previous = match;
    }
    for (std::size_t i = 0; i < kept; ++i)
      push(stretches[i]);
    return;
  }
  case SplitBehavior::MergedWithNext: {
    bool previous = false;
    std::size_t kept = count;
    for (std::size_t i = count; i-- > 0;) {
      bool match = stretches[i].match;
      if (match && !previous && kept < count)
        stretches[kept].begin = stretches[i].begin;
      else
        stretches[--kept] = stretches[i];
      previous = match;
    }
    for (std::size_t i = kept; i < count; ++i)
      push(stretches[i]);
    return;
  }
  }
}

/// A pre-tokenizer that looks at one piece at a time and leaves the text alone.
class PieceSplitter : public PreTokenizer {
public:
  void apply(PieceText &in) const override {
    std::vector<Piece> out;
    out.reserve(in.pieces.size() + in.text.text.size() / 4);
    for (const Piece &piece : in.pieces)
      if (piece.token >= 0)
        out.push_back(piece);
      else
        split(in.view(piece), piece.begin, out);
    in.pieces.swap(out);
  }

protected:
  /// Appends the words of `text`, which begins at byte `base`.
  virtual void split(std::string_view text, std::uint32_t base,
                     std::vector<Piece> &out) const = 0;
};

class BertPreTokenizer : public PieceSplitter {
public:
  BertPreTokenizer() {
    for (unsigned c = 0; c < 128; ++c)
      ascii[c] = classOf(c);
  }

private:
  enum Class : std::uint8_t { Plain, Space, Alone };
  static Class classOf(char32_t c) {
    std::uint32_t bits = properties(c);
    return (bits & unicode::Whitespace) ? Space : (bits & unicode::Punctuation) ? Alone : Plain;
  }
  void split(std::string_view text, std::uint32_t base,
             std::vector<Piece> &out) const override {
    std::size_t word = 0;
    for (std::size_t at = 0; at < text.size();) {
      std::size_t begin = at;
      unsigned char byte = text[at];
      Class kind = byte < 0x80 ? (++at, ascii[byte]) : classOf(decodeNext(text, at));
      if (kind == Plain)
        continue;
      if (word < begin)
        out.push_back({base + std::uint32_t(word), base + std::uint32_t(begin), -1});
      if (kind == Alone)
        out.push_back({base + std::uint32_t(begin), base + std::uint32_t(at), -1});
      word = at;
    }
    if (word < text.size())
      out.push_back({base + std::uint32_t(word), base + std::uint32_t(text.size()), -1});
  }
  std::array<Class, 128> ascii;
};

class WhitespaceWords : public PieceSplitter {
  void split(std::string_view text, std::uint32_t base,
             std::vector<Piece> &out) const override {
    std::uint32_t previous = unicode::RegexSpace;
    std::size_t begin = 0;
    for (std::size_t at = 0; at <= text.size();) {
      std::size_t here = at;
      std::uint32_t kind = unicode::RegexSpace;
      if (at < text.size())
        kind = properties(decodeNext(text, at)) & (unicode::Word | unicode::RegexSpace);
      else
        ++at;
      if (kind == previous)
        continue;
      if (previous != unicode::RegexSpace)
        out.push_back({base + std::uint32_t(begin), base + std::uint32_t(here), -1});
      begin = here;
      previous = kind;
    }
  }
};

class ClassSplit : public PieceSplitter {
public:
  ClassSplit(std::uint32_t b, SplitBehavior how) : bits(b), behavior(how) {}

private:
  void split(std::string_view text, std::uint32_t base,
             std::vector<Piece> &out) const override {
    static thread_local std::vector<Stretch> stretches;
    stretches.clear();
    std::size_t plain = 0;
    for (std::size_t at = 0; at < text.size();) {
      std::size_t begin = at;
      if (!(properties(decodeNext(text, at)) & bits))
        continue;
      if (plain < begin)
        stretches.push_back({base + std::uint32_t(plain), base + std::uint32_t(begin), false});
      stretches.push_back({base + std::uint32_t(begin), base + std::uint32_t(at), true});
      plain = at;
    }
    if (plain < text.size())
      stretches.push_back(
          {base + std::uint32_t(plain), base + std::uint32_t(text.size()), false});
    settle(stretches, behavior, out);
  }
  std::uint32_t bits;
  SplitBehavior behavior;
};

class PatternSplit : public PieceSplitter {
public:
  PatternSplit(PatternMatcher p, SplitBehavior how, bool i)
      : pattern(p), behavior(how), invert(i) {}

private:
  void split(std::string_view text, std::uint32_t base,
             std::vector<Piece> &out) const override {
    std::vector<Stretch> stretches;
    for (std::size_t at = 0; at < text.size();) {
      std::size_t end = pattern(text, at);
      stretches.push_back({base + std::uint32_t(at), base + std::uint32_t(end), !invert});
      at = end;
    }
    settle(stretches, behavior, out);
  }
  PatternMatcher pattern;
  SplitBehavior behavior;
  bool invert;
};

/// Splits at the matches of something that is looked for from left to right.
class SearchSplit : public PieceSplitter {
public:
  SearchSplit(SplitBehavior how, bool i) : behavior(how), invert(i) {}

private:
  /// The first match at or behind `at`.
  virtual bool find(std::string_view text, std::size_t at, std::size_t &begin,
                    std::size_t &end) const = 0;
  void split(std::string_view text, std::uint32_t base,
             std::vector<Piece> &out) const override {
    std::vector<Stretch> stretches;
    auto push = [&](std::size_t begin, std::size_t end, bool match) {
      if (begin < end)
        stretches.push_back(
            {base + std::uint32_t(begin), base + std::uint32_t(end), match != invert});
    };
    std::size_t at = 0;
    for (std::size_t begin, end; find(text, at, begin, end); at = end) {
      push(at, begin, false);
      push(begin, end, true);
    }
    push(at, text.size(), false);
    settle(stretches, behavior, out);
  }
  SplitBehavior behavior;
  bool invert;
};

class RegexSplit : public SearchSplit {
public:
  RegexSplit(Regex p, SplitBehavior how, bool i) : SearchSplit(how, i), pattern(std::move(p)) {}

private:
  bool find(std::string_view text, std::size_t at, std::size_t &begin,
            std::size_t &end) const override {
    return pattern.find(text, at, begin, end);
  }
  Regex pattern;
};

class LiteralSplit : public SearchSplit {
public:
  LiteralSplit(std::string l, SplitBehavior how, bool i)
      : SearchSplit(how, i), literal(std::move(l)) {}

private:
  bool find(std::string_view text, std::size_t at, std::size_t &begin,
            std::size_t &end) const override {
    begin = text.find(literal, at);
    end = begin + literal.size();
    return begin != std::string_view::npos;
  }
  std::string literal;
};

class ByteLevel : public PreTokenizer {
public:
  explicit ByteLevel(const ByteLevelOptions &o) : options(o) {}

  void apply(PieceText &in) const override {
    if (options.addPrefixSpace)
      addSpaces(in);
    if (options.useRegex)
      split(in);
    if (!options.rawBytes)
      spellAlphabet(in);
  }

private:
  /// A space in front of each piece without one; it shares the first character's place.
  static void addSpaces(PieceText &in) {
    NormalizedText text;
    text.text.reserve(in.text.text.size() + in.pieces.size());
    text.spans.reserve(in.text.text.size() + in.pieces.size());
    for (Piece &piece : in.pieces) {
      std::uint32_t begin = static_cast<std::uint32_t>(text.text.size());
      if (piece.token < 0 && in.text.text[piece.begin] != ' ')
        text.append(' ', in.text.spans[piece.begin]);
      text.text.append(in.text.text, piece.begin, piece.end - piece.begin);
      text.spans.insert(text.spans.end(), in.text.spans.begin() + piece.begin,
                        in.text.spans.begin() + piece.end);
      piece.begin = begin;
      piece.end = static_cast<std::uint32_t>(text.text.size());
    }
    in.text = std::move(text);
  }

  static void split(PieceText &in) {
    std::vector<Piece> out;
    out.reserve(in.pieces.size() + in.text.text.size() / 4);
    for (const Piece &piece : in.pieces) {
      if (piece.token >= 0) {
        out.push_back(piece);
        continue;
      }
      std::string_view text = in.view(piece);
      for (std::size_t at = 0; at < text.size();) {
        std::size_t end = matchGpt2(text, at);
        out.push_back({piece.begin + std::uint32_t(at), piece.begin + std::uint32_t(end), -1});
        at = end;
      }
    }
    in.pieces.swap(out);
  }

  static void spellAlphabet(PieceText &in) {
    NormalizedText text;
    text.text.reserve(in.text.text.size() * 2);
    text.spans.reserve(in.text.text.size() * 2);
    for (Piece &piece : in.pieces) {
      std::uint32_t begin = static_cast<std::uint32_t>(text.text.size());
      for (std::uint32_t i = piece.begin; i < piece.end; ++i) {
        if (piece.token < 0) {
          text.append(byteAlphabet()[static_cast<unsigned char>(in.text.text[i])],
                      in.text.spans[i]);
        } else {
          text.text += in.text.text[i];
          text.spans.push_back(in.text.spans[i]);
        }
      }
      piece.begin = begin;
      piece.end = static_cast<std::uint32_t>(text.text.size());
    }
    in.text = std::move(text);
  }

  ByteLevelOptions options;
};

} // namespace

std::unique_ptr<PreTokenizer> makeBertPreTokenizer() {
  return std::make_unique<BertPreTokenizer>();
}
std::unique_ptr<PreTokenizer> makeWhitespaceWords() {
  return std::make_unique<WhitespaceWords>();
}
std::unique_ptr<PreTokenizer> makeWhitespaceSplit() {
  return std::make_unique<ClassSplit>(unicode::Whitespace, SplitBehavior::Removed);
}
std::unique_ptr<PreTokenizer> makeDigits(bool individual) {
  return std::make_unique<ClassSplit>(unicode::Numeric, individual ? SplitBehavior::Isolated
                                                                   : SplitBehavior::Contiguous);
}
std::unique_ptr<PreTokenizer> makePunctuation(SplitBehavior behavior) {
  return std::make_unique<ClassSplit>(unicode::Punctuation, behavior);
}
std::unique_ptr<PreTokenizer> makePatternSplit(PatternMatcher pattern, SplitBehavior behavior,
                                               bool invert) {
  return std::make_unique<PatternSplit>(pattern, behavior, invert);
}
std::unique_ptr<PreTokenizer> makeLiteralSplit(std::string literal, SplitBehavior behavior,
                                               bool invert) {
  return std::make_unique<LiteralSplit>(std::move(literal), behavior, invert);
}
std::unique_ptr<PreTokenizer> makeRegexSplit(Regex pattern, SplitBehavior behavior,
                                             bool invert) {
  return std::make_unique<RegexSplit>(std::move(pattern), behavior, invert);
}
std::unique_ptr<PreTokenizer> makeByteLevel(const ByteLevelOptions &options) {
  return std::make_unique<ByteLevel>(options);
}

} // namespace ftc::rt
