// A tokenizer small enough to follow by hand: words are cut into pieces of three bytes, an
// id is the piece's length and first byte, 1 and 2 are the special tokens around a sequence.
#pragma once

#include "runtime/data/DataTable.h"
#include "runtime/tokenizers/Tokenizer.h"

#include <gtest/gtest.h>

#include <sstream>

namespace ftc::rt {

class FakeTokenizer : public Tokenizer {
public:
  Result<Encoding> encode(std::string_view text, const EncodeOptions &options) const override {
    return encodeWords(splitWords(text), options);
  }

  Result<Encoding> encodePair(std::string_view first, std::string_view second,
                              const EncodeOptions &options) const override {
    EncodeOptions whole = options;
    whole.maxLength = 0;
    Encoding a = encodeWords(splitWords(first), whole).take();
    Encoding b = encodeWords(splitWords(second), whole).take();
    for (std::size_t token = 1; token < b.ids.size(); ++token) {
      a.ids.push_back(b.ids[token]);
      a.typeIds.push_back(1);
      a.wordIds.push_back(b.wordIds[token]);
    }
    return cut(std::move(a), options);
  }

  /// Tokens of the second text have offsets; the fake's windows overlap as the real ones.
  Result<std::vector<Encoding>> encodeWindows(std::string_view first, std::string_view second,
                                              const EncodeOptions &options,
                                              std::int64_t overlap) const override {
    Encoding whole = encodePair(first, second, {}).take();
    std::size_t prefix = 1;
    while (whole.ids[prefix++] != 2)
      continue;
    std::size_t tokens = whole.ids.size() - 1 - prefix, room = tokens;
    if (options.maxLength > 0 && whole.ids.size() > std::size_t(options.maxLength)) {
      if (std::size_t(options.maxLength) <= prefix + 1 + std::size_t(overlap))
        return Status::error("expected room for more than " + std::to_string(overlap) +
                             " tokens of the second text");
      room = options.maxLength - prefix - 1;
    }
    std::vector<std::pair<std::int32_t, std::int32_t>> offsets = pieceOffsets(second);
    std::vector<Encoding> windows;
    for (std::size_t begin = 0;; begin += room - overlap) {
      std::size_t end = std::min(begin + room, tokens);
      Encoding &window = windows.emplace_back();
      auto take = [&](std::size_t token, std::int32_t sequence) {
        window.ids.push_back(whole.ids[token]);
        window.typeIds.push_back(whole.typeIds[token]);
        window.sequenceIds.push_back(sequence);
        window.offsets.push_back(sequence == 1 ? offsets[token - prefix] : std::pair(0, 0));
      };
      for (std::size_t token = 0; token < prefix; ++token)
        take(token, whole.ids[token] <= 2 ? -1 : 0);
      for (std::size_t token = begin; token < end; ++token)
        take(prefix + token, 1);
      take(whole.ids.size() - 1, -1);
      if (end == tokens)
        return windows;
    }
  }

  /// A word "~" has no token at all; "bad" is refused.
  Result<Encoding> encodeWords(const std::vector<std::string> &words,
                               const EncodeOptions &options) const override {
    Encoding encoding;
    if (options.addSpecialTokens)
      push(encoding, 1, -1);
    for (std::size_t word = 0; word < words.size(); ++word) {
      if (words[word] == "bad")
        return Status::error("expected UTF-8");
      for (std::size_t at = 0; at < words[word].size() && words[word] != "~"; at += 3)
        push(encoding, idOf(words[word].substr(at, 3)), static_cast<std::int32_t>(word));
    }
    if (options.addSpecialTokens)
      push(encoding, 2, -1);
    return cut(std::move(encoding), options);
  }

  static std::int32_t idOf(std::string_view piece) {
    return static_cast<std::int32_t>(piece.size() * 256 + static_cast<unsigned char>(piece[0]));
  }

  std::int32_t vocabularySize() const override { return 1024; }
  std::int32_t tokenToId(std::string_view) const override { return -1; }
  std::string idToToken(std::int32_t) const override { return {}; }
  std::string decode(const std::vector<std::int32_t> &, bool) const override { return {}; }

private:
  static std::vector<std::string> splitWords(std::string_view text) {
    std::istringstream stream{std::string(text)};
    std::vector<std::string> words;
    for (std::string word; stream >> word;)
      words.push_back(word);
    return words;
  }

  /// [begin, end) of each piece of ASCII words.
  static std::vector<std::pair<std::int32_t, std::int32_t>>
  pieceOffsets(std::string_view text) {
    std::vector<std::pair<std::int32_t, std::int32_t>> offsets;
    for (std::size_t at = 0; at < text.size();) {
      std::size_t end = std::min(text.find(' ', at), text.size());
      for (; at < end; at = std::min(at + 3, end))
        offsets.emplace_back(at, std::min(at + 3, end));
      at = end + 1;
    }
    return offsets;
  }

  static void push(Encoding &encoding, std::int32_t id, std::int32_t word) {
    encoding.ids.push_back(id);
    encoding.typeIds.push_back(0);
    encoding.wordIds.push_back(word);
  }

  static Encoding cut(Encoding encoding, const EncodeOptions &options) {
    auto size = static_cast<std::int32_t>(encoding.ids.size());
    if (options.maxLength == 0 || size <= options.maxLength)
      return encoding;
    encoding.truncated = size - options.maxLength;
    encoding.ids.resize(options.maxLength);
    encoding.typeIds.resize(options.maxLength);
    encoding.wordIds.resize(options.maxLength);
    encoding.ids.back() = 2;
    encoding.wordIds.back() = -1;
    return encoding;
  }
};

/// A table from text; the test fails when it is refused.
inline DataTable tableOf(std::string_view name, std::string text) {
  Result<DataTable> table = parseData(name, std::move(text));
  EXPECT_TRUE(table) << table.status().message();
  return table ? table.take() : parseData("empty.csv", "text\n \n").take();
}

} // namespace ftc::rt


#define EXPECT_HAS(text, part)                                                                 \
  EXPECT_NE((text).find(part), std::string::npos) << "in: " << (text)
