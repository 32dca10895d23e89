// Tokenizers inside GGUF files: one that gguf-py wrote against the tokenizer it was made from,
// hand-made ones of both kinds, and every refusal.
#include "runtime/tokenizers/GgufTokenizer.h"

#include "runtime/io/Json.h"
#include "runtime/tokenizers/SentencePieceMerges.h"
#include "test/runtime/io/GgufBytes.h"

#include <gtest/gtest.h>

using namespace ftc::rt;
using namespace ftc::test;

static const std::string folder = FTC_TEST_DIR "/../io/data/gguf/";

namespace {

using Ids = std::vector<std::int32_t>;

Result<TokenizerFiles> filesOf(const GgufBytes &bytes) {
  auto file = GgufFile::fromBytes(bytes.text(), "m.gguf");
  EXPECT_TRUE(file) << file.status().message();
  return ggufTokenizerFiles(*file);
}

std::unique_ptr<Tokenizer> tokenizerOf(const GgufBytes &bytes) {
  auto files = filesOf(bytes);
  EXPECT_TRUE(files) << files.status().message();
  auto tokenizer = makeTokenizer(*files, {});
  EXPECT_TRUE(tokenizer) << tokenizer.status().message();
  return tokenizer.take();
}

Json configOf(const GgufBytes &bytes) {
  auto files = filesOf(bytes);
  EXPECT_TRUE(files) << files.status().message();
  return *parseJson((*files)[1].second, "tokenizer_config.json");
}

std::string errorOf(const GgufBytes &bytes) {
  auto files = filesOf(bytes);
  return files ? "" : files.status().message();
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

/// a, b, c, Ġ, 1, 2, ab, Ġab, <|end|>.
GgufBytes byteLevel(std::string_view pre) {
  GgufBytes out;
  out.string("tokenizer.ggml.model", "gpt2").string("tokenizer.ggml.pre", pre);
  out.strings("tokenizer.ggml.tokens", {"a", "b", "c", "\xC4\xA0", "1", "2", "ab",
                                        "\xC4\xA0"
                                        "ab",
                                        "<|end|>"});
  out.numbers<std::int32_t>("tokenizer.ggml.token_type", GgufType::Int32,
                            {1, 1, 1, 1, 1, 1, 1, 1, 3});
  out.strings("tokenizer.ggml.merges", {"a b", "\xC4\xA0 ab"});
  out.integer("tokenizer.ggml.eos_token_id", 8);
  return out;
}

/// <unk>, <s>, </s>, ▁, a, b, ab, ▁ab, and the two bytes of é.
GgufBytes sentencePiece() {
  GgufBytes out;
  out.string("tokenizer.ggml.model", "llama");
  out.strings("tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>", "\xE2\x96\x81", "a", "b", "ab",
                                        "\xE2\x96\x81"
                                        "ab",
                                        "<0xC3>", "<0xA9>"});
  out.numbers<float>("tokenizer.ggml.scores", GgufType::Float32,
                     {0, 0, 0, -9, -10, -11, -1, -2, 0, 0});
  out.numbers<std::int32_t>("tokenizer.ggml.token_type", GgufType::Int32,
                            {2, 3, 3, 1, 1, 1, 1, 1, 6, 6});
  out.integer("tokenizer.ggml.bos_token_id", 1).integer("tokenizer.ggml.eos_token_id", 2);
  return out;
}

Ids idsOf(const Tokenizer &tokenizer, std::string_view text) {
  return tokenizer.encode(text, {})->ids;
}

} // namespace

TEST(GgufTokenizer, EqualsTheTokenizerItWasMadeFrom) {
  auto files = readTokenizerFiles(folder + "llama.gguf");
  ASSERT_TRUE(files) << files.status().message();
  auto tokenizer = makeTokenizer(*files, {});
  ASSERT_TRUE(tokenizer) << tokenizer.status().message();
  auto content = readFile(folder + "llama/encodings.jsonl", 1 << 20);
  ASSERT_TRUE(content);
  std::size_t lines = 0;
  for (std::size_t at = 0, end; (end = content->find('\n', at)) != content->npos;
       at = end + 1) {
    Json line = *parseJson(content->substr(at, end - at), "encodings.jsonl");
    auto encoding = (*tokenizer)->encode(line["text"].get<std::string>(), {});
    ASSERT_TRUE(encoding) << encoding.status().message();
    EXPECT_EQ(Json(encoding->ids), line["ids"]) << line["text"];
    EXPECT_EQ(Json(encoding->offsets), line["offsets"]) << line["text"];
    ++lines;
  }
  EXPECT_GE(lines, 60u);
}

TEST(GgufTokenizer, PreTokenizersDiffer) {
  // Digits stand alone, and the space before one stays outside of its word, but for gpt-2.
  EXPECT_EQ(idsOf(*tokenizerOf(byteLevel("smollm")), "ab ab12<|end|>"), (Ids{6, 7, 4, 5, 8}));
  auto words = [&](const char *pre, std::string_view text) {
    return tokenizerOf(byteLevel(pre))->encode(text, {})->wordIds;
  };
  EXPECT_EQ(words("gpt-2", "12"), (Ids{0, 0}));
  EXPECT_EQ(words("smollm", "12"), (Ids{0, 1}));
  EXPECT_EQ(words("starcoder", "12"), (Ids{0, 1}));
  EXPECT_EQ(words("qwen2", "12"), (Ids{0, 1}));
  EXPECT_EQ(words("gpt-2", " 12"), (Ids{0, 0, 0}));
  EXPECT_EQ(words("qwen2", " 12"), (Ids{0, 1, 2}));
  GgufBytes llama3 = byteLevel("llama-bpe").integer("tokenizer.ggml.bos_token_id", 8);
  EXPECT_EQ(idsOf(*tokenizerOf(llama3), "ab"), (Ids{8, 6}));
  EXPECT_EQ(tokenizerOf(llama3)->encode("1212", {})->wordIds, (Ids{-1, 0, 0, 0, 1}));
  EXPECT_EQ(idsOf(*tokenizerOf(llama3.boolean("tokenizer.ggml.add_bos_token", 0)), "ab"),
            Ids{6});
}

TEST(GgufTokenizer, ReadsSentencePiece) {
  auto tokenizer = tokenizerOf(sentencePiece());
  EXPECT_EQ(idsOf(*tokenizer, "ab a"), (Ids{1, 7, 3, 4}));
  EXPECT_EQ(idsOf(*tokenizer, "\xC3\xA9"), (Ids{1, 3, 8, 9}));
  EXPECT_EQ(idsOf(*tokenizer, "a<s>b"), (Ids{1, 3, 4, 1, 3, 5}));
  EXPECT_EQ(tokenizer->decode({1, 7, 3, 4}, true), "ab a");
  EXPECT_EQ(tokenizer->encodePair("a", "b", {})->ids, (Ids{1, 3, 4, 1, 3, 5}));
  GgufBytes more = sentencePiece().boolean("tokenizer.ggml.add_space_prefix", 0);
  more.boolean("tokenizer.ggml.add_bos_token", 0).boolean("tokenizer.ggml.add_eos_token", 1);
  EXPECT_EQ(idsOf(*tokenizerOf(more), "ab"), (Ids{6, 2}));
}

TEST(GgufTokenizer, MergesFollowScores) {
  // ▁ab is better as ▁ + ab (longer right part goes behind the longer left one).
  std::vector<std::string> pieces = {"a", "b", "c", "ab", "bc", "abc"};
  auto merges = sentencePieceMerges(pieces, {-9, -9, -9, -2, -1, -3},
                                    std::vector<bool>(pieces.size(), true));
  ASSERT_TRUE(merges);
  EXPECT_EQ(*merges, (Merges{{"b", "c"}, {"a", "b"}, {"ab", "c"}, {"a", "bc"}}));
  EXPECT_FALSE(sentencePieceMerges(pieces, std::vector<float>(6, 0.0f / 0.0f),
                                   std::vector<bool>(6, true)));
}

TEST(GgufTokenizer, WritesTheConfiguration) {
  GgufBytes bytes = byteLevel("smollm").string("tokenizer.chat_template", "{{ x }}");
  bytes.integer("tokenizer.ggml.padding_token_id", 8);
  Json config = configOf(bytes);
  EXPECT_EQ(config["chat_template"], "{{ x }}");
  EXPECT_EQ(config["eos_token"], "<|end|>");
  EXPECT_EQ(config["pad_token"], "<|end|>");
  EXPECT_FALSE(config.contains("bos_token"));
  EXPECT_EQ(config["added_tokens_decoder"]["8"]["content"], "<|end|>");
  EXPECT_EQ(config["tokenizer_class"], "PreTrainedTokenizerFast");
  EXPECT_EQ(config["model_input_names"], nlohmann::json({"input_ids", "attention_mask"}));
  bytes.strings("tokenizer.chat_templates", {"tool"})
      .string("tokenizer.chat_template.tool", "t");
  EXPECT_EQ(configOf(bytes)["chat_template"],
            Json::parse(R"([{"name":"default","template":"{{ x }}"},
                            {"name":"tool","template":"t"}])"));
}

TEST(GgufTokenizer, LeavesFillersOut) {
  GgufBytes bytes;
  bytes.string("tokenizer.ggml.model", "gpt2").string("tokenizer.ggml.pre", "gpt-2");
  bytes.strings("tokenizer.ggml.tokens", {"a", "[PAD1]", "[PAD1]x"});
  bytes.numbers<std::int32_t>("tokenizer.ggml.token_type", GgufType::Int32, {1, 5, 5});
  bytes.strings("tokenizer.ggml.merges", {});
  EXPECT_EQ(tokenizerOf(bytes)->tokenToId("[PAD1]"), -1);
  EXPECT_EQ(tokenizerOf(bytes)->tokenToId("[PAD1]x"), 2);
}

TEST(GgufTokenizer, RefusesByName) {
  EXPECT_HAS(
      errorOf(GgufBytes().string("tokenizer.ggml.model", "bert")),
      "'tokenizer.ggml.model' is 'bert', which is not supported; expected gpt2 or llama");
  EXPECT_HAS(errorOf(byteLevel("tekken")), "'tokenizer.ggml.pre' is 'tekken', which is not "
                                           "supported; expected gpt-2, llama-bpe,");
  EXPECT_HAS(errorOf(byteLevel("llama-bpe")), "'tokenizer.ggml.bos_token_id' is missing");
  EXPECT_HAS(errorOf(byteLevel("gpt-2").integer("tokenizer.ggml.padding_token_id", 9)),
             "is 9, expected an integer from 0 to 8");
  auto small = [] { return GgufBytes().string("tokenizer.ggml.model", "llama"); };
  auto tokens = [&](std::vector<std::string> list) {
    return small().strings("tokenizer.ggml.tokens", list);
  };
  EXPECT_HAS(errorOf(small()), "'tokenizer.ggml.tokens' is missing");
  EXPECT_HAS(errorOf(tokens({})), "has 0 tokens");
  EXPECT_HAS(errorOf(tokens({"a", "a"})), "has 'a' twice");
  EXPECT_HAS(errorOf(tokens({"\xFF"})), "expected UTF-8");
  EXPECT_HAS(errorOf(tokens({"a"})), "'tokenizer.ggml.scores' is missing");
  EXPECT_HAS(
      errorOf(tokens({"a"}).numbers<float>("tokenizer.ggml.scores", GgufType::Float32, {1, 2})),
      "has 2 elements, expected 1, one a token");
  auto types = [&](std::vector<std::int32_t> list) {
    return tokens({"a"}).numbers<std::int32_t>("tokenizer.ggml.token_type", GgufType::Int32,
                                               list);
  };
  EXPECT_HAS(errorOf(types({7})), "has 7, expected 1 to 6");
  EXPECT_HAS(errorOf(types({1, 1})), "has 2 elements, expected 1");
  for (const char *merge : {"", "a", "a b c", " a"}) {
    GgufBytes bytes = GgufBytes().string("tokenizer.ggml.model", "gpt2");
    bytes.string("tokenizer.ggml.pre", "gpt-2").strings("tokenizer.ggml.tokens", {"a", "b"});
    EXPECT_HAS(errorOf(bytes.strings("tokenizer.ggml.merges", {merge})), "expected two tokens");
  }
}
