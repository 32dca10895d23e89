// Seeded random requests to a tokenizer, the same here and for the recorder, which asks the
// wheel (recordRandom.py): strings of vocabulary pieces, added tokens and awkward characters,
// and every scalar in four contexts. Answers are compared as hashes, a block of requests each.
#pragma once

#include "runtime/tokenizers/Tokenizer.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace ftc::test {

using namespace ftc::rt;

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
class Draw {
public:
  explicit Draw(std::uint64_t seed) : state(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
  }
  /// 0 to limit - 1.
  std::size_t below(std::size_t limit) { return next() % limit; }
  bool percent(unsigned chance) { return below(100) < chance; }
  template <typename List> auto pick(const List &list) {
    return std::string_view(list[below(std::size(list))]);
  }

private:
  std::uint64_t state;
};

inline void appendScalar(std::string &out, std::uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 63));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  } else {
    out += static_cast<char>(0xf0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 63));
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  }
}

/// A text, a pair of texts, or words; how it is cut.
struct Request {
  enum class Kind { Text, Pair, Words } kind = Kind::Text;
  std::vector<std::string> texts;
  EncodeOptions options;
};

/// A block's requests depend on the tokenizer's tokens, the block's number and nothing else.
class RandomRequests {
public:
  /// `added`: the contents of the added tokens.
  RandomRequests(const Tokenizer &tokenizer, std::vector<std::string> added)
      : added(std::move(added)) {
    for (std::int32_t id = 0; id < tokenizer.vocabularySize(); ++id) {
      std::string piece = tokenizer.idToToken(id);
      for (auto [from, to] : {std::pair("##", ""), {"\u0120", " "}, {"\u2581", " "}})
        for (std::size_t at; (at = piece.find(from)) != std::string::npos;)
          piece.replace(at, std::string_view(from).size(), to);
      if (!piece.empty() && piece.find('\n') == std::string::npos)
        pieces.push_back(std::move(piece));
    }
    if (pieces.empty())
      pieces.push_back("a");
    if (this->added.empty())
      this->added.push_back("<s>");
  }

  std::vector<Request> block(std::uint64_t number, std::size_t count) const {
    Draw draw(number * 0x2545F4914F6CDD1D + 1);
    std::vector<Request> out(count);
    for (Request &request : out) {
      std::size_t roll = draw.below(100);
      request.options.addSpecialTokens = draw.percent(70);
      if (roll < 70) {
        request.texts = {text(draw, 12)};
      } else if (roll < 82) {
        request.kind = Request::Kind::Words;
        for (std::size_t words = draw.below(7); words > 0; --words)
          request.texts.push_back(text(draw, 3));
      } else {
        request.texts = {text(draw, 8)};
        if (draw.percent(75)) {
          request.kind = Request::Kind::Pair;
          request.texts.push_back(text(draw, 8));
        }
        if (roll >= 90) {
          request.options.maxLength = static_cast<std::int32_t>(5 + draw.below(20));
          request.options.truncation = static_cast<Truncation>(draw.below(3));
        }
      }
    }
    return out;
  }

  /// The texts of the scalars from `first` on, in a context of 0 to 3: alone, between letters,
  /// after a space, before U+0301.
  static std::vector<Request> scalars(unsigned context, std::uint32_t first,
                                      std::uint32_t end) {
    std::vector<Request> out;
    for (std::uint32_t c = first; c < end; ++c) {
      if ((c >= 0xd800 && c <= 0xdfff) || c == '\n')
        continue;
      std::string text = context == 1 ? "a" : context == 2 ? "a " : "";
      appendScalar(text, c);
      text += context == 1 ? "b" : context == 3 ? "\u0301" : "";
      out.emplace_back().texts = {std::move(text)};
    }
    return out;
  }

private:
  std::string text(Draw &draw, std::size_t most) const {
    std::string out;
    for (std::size_t parts = draw.below(most + 1); parts > 0; --parts)
      appendPart(draw, out);
    std::replace(out.begin(), out.end(), '\n', ' ');
    return out;
  }

  void appendPart(Draw &draw, std::string &out) const;

  std::vector<std::string> pieces, added;
};

inline void RandomRequests::appendPart(Draw &draw, std::string &out) const {
  static constexpr const char *spaces[] = {"  ",     "   ",    "\t",     "\r",     "\u00a0",
                                           "\u3000", "\u2028", "\u0085", "\u200b", "\ufeff",
                                           "\u1680", "\x0b",   "\x1c",   "\u180e", "\u202f"};
  static constexpr const char *marks[] = {"\u0301", "\u0308", "\u0323", "\u0327", "\u0345",
                                          "\u05b0", "\u0651", "\u094d", "\u3099", "\u0344",
                                          "\u20dd", "\u0f73", "\u0f81", "\u0338"};
  static constexpr const char *emoji[] = {"\U0001f600",
                                          "\U0001f469\u200d\U0001f469\u200d\U0001f467",
                                          "\U0001f44d\U0001f3fd",
                                          "\U0001f3f3\ufe0f\u200d\U0001f308",
                                          "\u2764\ufe0f",
                                          "\u200d",
                                          "\ufe0f",
                                          "\U0001f1f8\U0001f1ea",
                                          "1\ufe0f\u20e3"};
  static constexpr const char *scripts[] = {"\u6771",
                                            "\u4eac",
                                            "\U00020000",
                                            "\U0002b920",
                                            "\u304b",
                                            "\u304c",
                                            "\uac01",
                                            "\ud7a3",
                                            "\u1100",
                                            "\u1161",
                                            "\u11a8",
                                            "\u05d0",
                                            "\u05d1",
                                            "\u0645",
                                            "\u0631",
                                            "\u093e",
                                            "\u0915",
                                            "\u0e29",
                                            "\u0401",
                                            "\u0451",
                                            "\u03a3",
                                            "\u03c2",
                                            "\u0130",
                                            "\u0131",
                                            "\u00df",
                                            "\u1e9e",
                                            "\u017f",
                                            "\u212a",
                                            "\u00e9",
                                            "\u00c5",
                                            "\ufb01",
                                            "\u00bd",
                                            "\u00b2",
                                            "\u2167",
                                            "\u0663",
                                            "\u0378",
                                            "\u1b4e",
                                            "\U0001e900",
                                            "\x7f",
                                            "\ufffd",
                                            "\ue000",
                                            "\u00ad",
                                            "\u061c",
                                            "\ufdfa",
                                            "\U0001f1e6",
                                            "\u01c6",
                                            "\u1ff7",
                                            "\U0001d400",
                                            "`",
                                            "^",
                                            "~",
                                            "'",
                                            "\u2019",
                                            "-",
                                            "_",
                                            "\u05e9\u05dc\u05d5\u05dd",
                                            "\u0645\u0631\u062d\u0628\u0627"};
  static constexpr const char *contractions[] = {
      "'s", "'S", "'t", "'re", "'RE", "'ve", "'m", "'ll", "'lL", "'d", "'\u017f", "'x", "''"};
  std::size_t roll = draw.below(100);
  if (roll < 42) {
    out += pieces[draw.below(pieces.size())];
  } else if (roll < 55) {
    out += draw.percent(40) ? draw.pick(spaces) : std::string_view(" ");
  } else if (roll < 63) {
    out += added[draw.below(added.size())];
  } else if (roll < 70) {
    for (std::size_t count = 1 + draw.below(4); count > 0; --count)
      out += draw.pick(marks);
  } else if (roll < 75) {
    out += draw.pick(emoji);
  } else if (roll < 87) {
    out += draw.pick(scripts);
  } else if (roll < 91) {
    out += draw.pick(contractions);
  } else if (roll < 94) {
    for (std::size_t count = 1 + draw.below(7); count > 0; --count)
      out += static_cast<char>('0' + draw.below(10));
  } else if (roll < 98) {
    std::size_t limit = draw.percent(50) ? 0x110000 : draw.percent(50) ? 0x3000 : 0x1000;
    std::uint32_t c = static_cast<std::uint32_t>(draw.below(limit));
    appendScalar(out, c >= 0xd800 && c <= 0xdfff ? 'x' : c);
  } else {
    static constexpr const char *runs[] = {"a", "b", "\u6771", "\u00e9"};
    std::string_view repeated = draw.pick(runs);
    for (std::size_t count = 1 + draw.below(150); count > 0; --count)
      out += repeated;
  }
}

/// Appends the answer to one request as little-endian i32: the number of tokens, their ids, and
/// unless `idsAlone` offsets, type ids, word ids, sequence ids (-1 for none) and the number of
/// tokens cut off; -1 alone where the request is refused.
inline void appendAnswer(const Tokenizer &tokenizer, const Request &request, bool idsAlone,
                         std::string &out) {
  Result<Encoding> encoding =
      request.kind == Request::Kind::Words
          ? tokenizer.encodeWords(request.texts, request.options)
      : request.kind == Request::Kind::Pair
          ? tokenizer.encodePair(request.texts[0], request.texts[1], request.options)
          : tokenizer.encode(request.texts[0], request.options);
  auto append = [&](std::int32_t value) {
    out.append(reinterpret_cast<const char *>(&value), sizeof value);
  };
  auto list = [&](const std::vector<std::int32_t> &values) {
    out.append(reinterpret_cast<const char *>(values.data()), values.size() * sizeof values[0]);
  };
  if (!encoding)
    return append(-1);
  append(static_cast<std::int32_t>(encoding->ids.size()));
  list(encoding->ids);
  if (idsAlone)
    return;
  for (auto [begin, end] : encoding->offsets) {
    append(begin);
    append(end);
  }
  list(encoding->typeIds);
  list(encoding->wordIds);
  list(encoding->sequenceIds);
  append(static_cast<std::int32_t>(encoding->truncated));
}

} // namespace ftc::test
