// SentencePiece files and charsmaps that are not what they say, and grapheme clusters.
#include "runtime/tokenizers/Charsmap.h"
#include "runtime/tokenizers/Graphemes.h"
#include "runtime/tokenizers/SentencePieceModel.h"
#include "runtime/tokenizers/Tokenizer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <tuple>

using namespace ftc::rt;

namespace {

std::string field(int number, const std::string &content) {
  return std::string(1, static_cast<char>(number << 3 | 2)) +
         static_cast<char>(content.size()) + content;
}
std::string piece(const std::string &text, float score, int type = 1) {
  std::string bytes(4, '\0');
  std::memcpy(bytes.data(), &score, 4);
  return field(1, field(1, text) + std::string(1, '\x15') + bytes + "\x18" +
                      static_cast<char>(type));
}
std::string model() {
  return piece("<pad>", 0, 3) + piece("</s>", 0, 3) + piece("<unk>", 0, 2) +
         piece("\xe2\x96\x81"
               "a",
               -1) +
         piece("b", -2) + field(2, std::string("\xc0\x02\x02", 3));
}

std::string errorOf(const std::string &bytes) {
  auto parsed = parseSentencePieceModel(bytes, "spiece.model");
  return parsed ? "" : parsed.status().message();
}

TEST(SentencePiece, ReadsPiecesAndSpecs) {
  auto parsed = parseSentencePieceModel(model(), "spiece.model");
  ASSERT_TRUE(parsed) << parsed.status().message();
  ASSERT_EQ(parsed->pieces.size(), 5u);
  EXPECT_EQ(parsed->pieces[4].text, "b");
  EXPECT_EQ(parsed->pieces[4].score, -2.0f);
  EXPECT_EQ(parsed->pieces[0].type, SentencePieceModel::PieceType::Control);
  EXPECT_EQ(parsed->unknownId, 2);
  EXPECT_TRUE(parsed->addDummyPrefix);
}

TEST(SentencePiece, ConvertsT5) {
  TokenizerOptions options;
  options.modelType = "t5";
  auto tokenizer = makeTokenizer({{"spiece.model", model()}}, options);
  ASSERT_TRUE(tokenizer) << tokenizer.status().message();
  auto encoding = (*tokenizer)->encode("ab x", {});
  ASSERT_TRUE(encoding);
  EXPECT_EQ(encoding->ids, (std::vector<std::int32_t>{3, 4, 2, 1}));
  EXPECT_EQ((*tokenizer)->tokenToId("<extra_id_0>"), 104);
  EXPECT_EQ((*tokenizer)->decode({3, 4, 3, 1}, true), "ab a");
}

/// A Marian tokenizer whose sides have the pieces </s>, <unk>, a space and `more`, with ids in
/// that order.
std::unique_ptr<Tokenizer>
marian(const std::vector<std::tuple<std::string, float, int>> &more) {
  std::string bytes = piece("</s>", 0, 3) + piece("<unk>", 0, 2) + piece("\xe2\x96\x81", -1);
  std::string vocabulary = R"({"</s>":0,"<unk>":1,"\u2581":2)";
  int id = 3;
  for (const auto &[text, score, type] : more) {
    bytes += piece(text, score, type);
    vocabulary += ",\"" + text + "\":" + std::to_string(id++);
  }
  vocabulary += ",\"<pad>\":" + std::to_string(id) + "}";
  bytes += field(2, std::string("\xc0\x02\x01", 3));
  TokenizerOptions options;
  options.modelType = "marian";
  auto tokenizer = makeTokenizer(
      {{"source.spm", bytes}, {"target.spm", bytes}, {"vocab.json", vocabulary}}, options);
  EXPECT_TRUE(tokenizer) << tokenizer.status().message();
  return tokenizer ? tokenizer.take() : nullptr;
}

std::vector<std::int32_t> idsOf(const Tokenizer &tokenizer, const std::string &text) {
  EncodeOptions options;
  options.addSpecialTokens = false;
  auto encoding = tokenizer.encode(text, options);
  EXPECT_TRUE(encoding);
  return encoding ? encoding->ids : std::vector<std::int32_t>{};
}

// The ids of these two are those of sentencepiece 0.2.3 with the same models. "a" and "b"
// together cost less than "ab", by what single precision rounds away beside one "x", and beside
// two but for the reset.
TEST(SentencePiece, ScoresAreCountedAnewPast100000) {
  auto tokenizer =
      marian({{"x", -60000, 1}, {"a", -0.5f, 1}, {"b", -0.499f, 1}, {"ab", -1, 1}});
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(idsOf(*tokenizer, "ab"), (std::vector<std::int32_t>{2, 4, 5}));
  EXPECT_EQ(idsOf(*tokenizer, "xab"), (std::vector<std::int32_t>{2, 3, 6}));
  EXPECT_EQ(idsOf(*tokenizer, "xxab"), (std::vector<std::int32_t>{2, 3, 3, 4, 5}));
  EXPECT_EQ(idsOf(*tokenizer, "xxxab"), (std::vector<std::int32_t>{2, 3, 3, 3, 6}));
}

TEST(SentencePiece, UserDefinedSymbolsWinOverPiecesAroundThem) {
  auto tokenizer =
      marian({{"x", -1, 1}, {"a", -5, 1}, {"b", -5, 1}, {"xab", -2, 1}, {"ab", 0, 4}});
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(idsOf(*tokenizer, "xab"), (std::vector<std::int32_t>{2, 3, 7}));
  EXPECT_EQ(idsOf(*tokenizer, "xa"), (std::vector<std::int32_t>{2, 3, 4}));
}

TEST(SentencePiece, RefusesByName) {
  EXPECT_NE(errorOf("").find("with pieces, got none"), std::string::npos);
  EXPECT_NE(errorOf(model().substr(0, 20)).find("is the file whole?"), std::string::npos);
  EXPECT_NE(errorOf(piece("\xff", 0)).find("invalid UTF-8"), std::string::npos);
  EXPECT_NE(errorOf(piece("a", 1e38f * 10)).find("finite"), std::string::npos);
  EXPECT_NE(errorOf(piece("a", 0, 9)).find("from 1 to 6"), std::string::npos);
  EXPECT_NE(errorOf(std::string("\x0b", 1)).find("wire type"), std::string::npos);
  EXPECT_NE(errorOf(std::string(11, '\xff')).find("varint"), std::string::npos);
  EXPECT_NE(errorOf(piece("a", 0) + field(2, std::string("\xc0\x02\x02", 3))).find("below 1"),
            std::string::npos);
  TokenizerOptions options;
  options.modelType = "t5";
  std::string bpe = model() + field(2, std::string("\x18\x02\xc0\x02\x02", 5));
  EXPECT_NE(makeTokenizer({{"spiece.model", bpe}}, options)
                .status()
                .message()
                .find("another kind than unigram"),
            std::string::npos);
  options.modelType = "marian";
  EXPECT_NE(
      makeTokenizer({{"vocab.json", "{}"}}, options).status().message().find("source.spm"),
      std::string::npos);
}

TEST(Charsmap, EveryUnitIsBoundsChecked) {
  std::string_view form;
  EXPECT_FALSE(Charsmap::parse("\4\0\0"));
  EXPECT_FALSE(Charsmap::parse(std::string_view("\5\0\0\0abcde", 9)));
  EXPECT_FALSE(Charsmap::parse(std::string_view("\xff\xff\xff\x7f"
                                                "aaaa",
                                                8)));
  EXPECT_FALSE(Charsmap::parse(std::string_view("\4\0\0\0aaaa\xff", 9)));
  for (unsigned seed = 0; seed < 4000; ++seed) {
    std::string blob("\x80\0\0\0", 4);
    std::uint64_t state = seed * 2654435761u + 1;
    for (int i = 0; i < 128; ++i) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      blob += static_cast<char>(seed % 2 && i % 4 > 1 ? 0 : state >> 33);
    }
    auto map = Charsmap::parse(blob + "texts\0\xc3\xa9");
    ASSERT_TRUE(map);
    std::size_t length;
    for (const char *text : {"a", "abc", "\xc3\xa9", "\x01\x02\x03"}) {
      (void)map->shortest(text, form);
      (void)map->longest(text, form, length);
    }
  }
}

TEST(Graphemes, ClustersOfEachRule) {
  auto ends = [](std::u32string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();)
      out += std::to_string(at = graphemeEnd(text, at)) + " ";
    return out;
  };
  EXPECT_EQ(ends(U"ab"), "1 2 ");
  EXPECT_EQ(ends(U"\r\n\r"), "2 3 ");
  EXPECT_EQ(ends(U"e\u0301\u0301x"), "3 4 ");
  EXPECT_EQ(ends(U"\u1100\u1161\u11a8\u1100"), "3 4 ");
  EXPECT_EQ(ends(U"\U0001f469\u200d\U0001f467\U0001f44d"), "3 4 ");
  EXPECT_EQ(ends(U"\U0001f1f8\U0001f1ea\U0001f1f8"), "2 3 ");
  EXPECT_EQ(ends(U"\u0915\u094d\u0937\u0915"), "3 4 ");
  EXPECT_EQ(ends(U"\u0600a\nb"), "2 3 4 ");
}

} // namespace
