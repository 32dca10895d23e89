// The recorded answers of tokenizers 0.22.2, and what must be refused or survive.
#include "runtime/tokenizers/Tokenizer.h"
#include "runtime/support/File.h"
#include "runtime/tokenizers/TokenizeCommand.h"
#include "test/oracle/tokenizers/Requests.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <thread>

using namespace ftc::test;

namespace {

const std::string goldenFolder = std::string(FTC_TEST_DIR) + "/golden/";

std::unique_ptr<Tokenizer> load(const std::string &name, const std::string &modelType = "",
                                const std::string &flags = "") {
  auto files = readTokenizerFiles(goldenFolder + name);
  EXPECT_TRUE(files) << files.status().message();
  if (!files)
    return nullptr;
  auto tokenizer = makeTokenizer(*files, tokenizerOptions(modelType, flags));
  EXPECT_TRUE(tokenizer) << name << ": " << tokenizer.status().message();
  return tokenizer ? tokenizer.take() : nullptr;
}

std::string errorOf(const std::string &json) {
  auto tokenizer = makeTokenizer({{"tokenizer.json", json}}, {});
  return tokenizer ? "" : tokenizer.status().message();
}

/// A small valid WordPiece tokenizer.json with one part replaced.
std::string wordPieceJson(const std::string &key = "", const std::string &value = "") {
  Json json = Json::parse(R"({"version": "1.0", "added_tokens": [], "normalizer": null,
    "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": null, "decoder": null,
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
      "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0, "a": 1, "##b": 2, "ab": 3}}})");
  if (!key.empty())
    json[key] = Json::parse(value);
  return json.dump();
}

/// Byte-level BPE without merges but "aa" and "aaaa"; no pre-tokenizing pattern.
std::string byteLevelJson() {
  Json vocab = Json::object();
  auto alphabetText = [](unsigned b) {
    bool shown = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
    static unsigned next = 256;
    unsigned c = shown ? b : next++;
    std::string out;
    if (c < 0x80)
      return out + static_cast<char>(c);
    out += static_cast<char>(0xc0 | c >> 6);
    return out + static_cast<char>(0x80 | (c & 63));
  };
  for (unsigned b = 0; b < 256; ++b)
    vocab[alphabetText(b)] = b;
  vocab["aa"] = 256;
  vocab["aaaa"] = 257;
  Json json = {{"version", "1.0"},
               {"pre_tokenizer",
                {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}},
               {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", {"a a", "aa aa"}}}}};
  return json.dump();
}

TEST(Golden, EveryAnswerEqualsTheRecordedOne) {
  std::ifstream index(goldenFolder + "index.json");
  Json rows = Json::parse(index);
  ASSERT_GE(rows.size(), 30u);
  for (const Json &row : rows) {
    std::string name = row[3];
    auto tokenizer = load(name, row[1], row[2]);
    ASSERT_NE(tokenizer, nullptr);
    std::ifstream cases(goldenFolder + name + "/cases.jsonl", std::ios::binary);
    std::string request, expected;
    std::size_t count = 0;
    while (std::getline(cases, request) && std::getline(cases, expected)) {
      ++count;
      std::string got = serve(*tokenizer, request);
      if (request.rfind("[\"e\"", 0) != 0 && request.rfind("[\"p\"", 0) != 0 &&
          request.rfind("[\"w\"", 0) != 0)
        EXPECT_EQ(Json::parse(got), Json::parse(expected)) << name << ": " << request;
      else
        EXPECT_EQ(got, expected) << name << ": " << request;
    }
    EXPECT_GE(count, 40u) << name;
  }
}

TEST(Golden, ThreadsShareOneTokenizer) {
  auto tokenizer = load("bert-cased");
  ASSERT_NE(tokenizer, nullptr);
  std::string text = "Several threads, one tokenizer: the same ids every time. naïve 東京";
  auto expected = tokenizer->encode(text, {})->ids;
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i)
        wrong += tokenizer->encode(text, {})->ids != expected;
    });
  for (auto &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Refusals, ComponentsByName) {
  EXPECT_EQ(errorOf(wordPieceJson()), "");
  EXPECT_EQ(errorOf(wordPieceJson("normalizer", R"({"type": "Nmt"})")),
            "tokenizer.json: normalizer 'Nmt' is not yet supported");
  EXPECT_EQ(errorOf(wordPieceJson("pre_tokenizer", R"({"type": "UnicodeScripts"})")),
            "tokenizer.json: pre_tokenizer 'UnicodeScripts' is not yet supported");
  EXPECT_EQ(errorOf(wordPieceJson("decoder", R"({"type": "CTC"})")),
            "tokenizer.json: decoder 'CTC' is not yet supported");
  EXPECT_EQ(errorOf(wordPieceJson("post_processor", R"({"type": "New"})")),
            "tokenizer.json: post_processor 'New' is not yet supported");
  EXPECT_EQ(errorOf(wordPieceJson("model", R"({"type": "Unigram", "vocab": []})")),
            "tokenizer.json: model 'Unigram' without unk_id is not yet supported");
  EXPECT_EQ(errorOf(wordPieceJson("version", R"("2.0")")),
            "tokenizer.json: version '2.0' is not yet supported");
  EXPECT_NE(
      errorOf(wordPieceJson("pre_tokenizer",
                            R"({"type": "Split", "pattern": {"Regex": "(?<=a)b"},
                                      "behavior": "Isolated", "invert": false})"))
          .find("pre_tokenizer 'Split': the regular expression '(?<=a)b': the group '(?<' is "
                "not yet supported"),
      std::string::npos);
}

TEST(Refusals, MalformedFilesSayWhatIsWrong) {
  EXPECT_NE(errorOf("{").find("tokenizer.json: line 1, column 2"), std::string::npos);
  EXPECT_NE(errorOf("[]").find("expected an object, got array"), std::string::npos);
  EXPECT_NE(errorOf("{}").find("expected 'model', got none"), std::string::npos);
  for (const char *id : {"-1", "4194304", "1e9", "\"0\"", "18446744073709551615"}) {
    std::string model = std::string(R"({"type": "WordPiece", "vocab": {"[UNK]": )") + id + "}}";
    EXPECT_NE(errorOf(wordPieceJson("model", model)), "") << id;
  }
  EXPECT_NE(errorOf(wordPieceJson("model", R"({"type": "WordPiece", "vocab": {"a": 0}})"))
                .find("unknown token '[UNK]'"),
            std::string::npos);
  EXPECT_NE(errorOf(wordPieceJson("model", R"({"type": "BPE", "vocab": {"a": 0},
                                               "merges": ["a b"]})"))
                .find("merge token 'b'"),
            std::string::npos);
  std::string nested = R"({"type": "NFC"})";
  for (int i = 0; i < 40; ++i)
    nested = R"({"type": "Sequence", "normalizers": [)" + nested + "]}";
  EXPECT_NE(errorOf(wordPieceJson("normalizer", nested)).find("deep"), std::string::npos);
}

TEST(Refusals, MutatedFilesNeverCrash) {
  std::ifstream in(goldenFolder + "llama3+added/tokenizer.json", std::ios::binary);
  std::string json((std::istreambuf_iterator<char>(in)), {});
  ASSERT_GT(json.size(), 1000u);
  for (std::size_t cut = 0; cut < json.size(); cut += 131)
    EXPECT_NE(errorOf(json.substr(0, cut)), "") << cut;
  std::uint64_t state = 1;
  std::size_t loaded = 0;
  for (int i = 0; i < 300; ++i) {
    std::string mutant = json;
    for (int k = 0; k < 3; ++k) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      mutant[(state >> 33) % mutant.size()] = "0189{}[]\",:truefalsn\xff"[(state >> 20) % 21];
    }
    auto tokenizer = makeTokenizer({{"tokenizer.json", mutant}}, {});
    if (!tokenizer)
      continue;
    ++loaded;
    EXPECT_TRUE((*tokenizer)->encode("the <s> text 123 don't", {}));
  }
  EXPECT_GT(loaded, 0u);
}

TEST(Refusals, FilesThatAreNotThere) {
  EXPECT_NE(
      readTokenizerFiles("/nonexistent").status().message().find("expected tokenizer.json"),
      std::string::npos);
  TokenizerOptions options;
  options.modelType = "xlnet";
  auto tokenizer = makeTokenizer({{"vocab.txt", "a\n"}}, options);
  EXPECT_EQ(tokenizer.status().message(),
            "tokenizer: model type 'xlnet' without tokenizer.json is not yet supported");
  options.modelType = "roberta";
  EXPECT_FALSE(makeTokenizer({{"vocab.json", "{}"}}, options));
}

TEST(Encoding, InvalidUtf8IsRefusedWithItsPlace) {
  auto tokenizer = load("bert-cased");
  ASSERT_NE(tokenizer, nullptr);
  for (const char *bad :
       {"ab\xff", "ab\xc0\x80", "ab\xed\xa0\x80", "ab\xf4\x90\x80\x80", "ab\xe2\x82"})
    EXPECT_NE(tokenizer->encode(bad, {}).status().message().find("invalid UTF-8 at byte 2"),
              std::string::npos);
}

TEST(Encoding, LongWordsTakeLinearTime) {
  auto bpe = makeTokenizer({{"tokenizer.json", byteLevelJson()}}, {});
  ASSERT_TRUE(bpe) << bpe.status().message();
  std::size_t size = 1 << 20;
  auto encoding = (*bpe)->encode(std::string(size, 'a'), {});
  ASSERT_TRUE(encoding);
  EXPECT_EQ(encoding->ids, std::vector<std::int32_t>(size / 4, 257));
  EXPECT_EQ(encoding->offsets.back(), (std::pair<std::int32_t, std::int32_t>(size - 4, size)));
  auto wordPiece = makeTokenizer({{"tokenizer.json", wordPieceJson()}}, {});
  ASSERT_TRUE(wordPiece);
  EXPECT_EQ((*wordPiece)->encode(std::string(size, 'a'), {})->ids,
            std::vector<std::int32_t>(1, 0));
  std::string marks = "e";
  for (int i = 0; i < 200000; ++i)
    marks += i % 2 ? "\xcc\x81" : "\xcc\xa3";
  auto bert = load("bert-uncased+added");
  ASSERT_NE(bert, nullptr);
  EXPECT_TRUE(bert->encode(marks, {}));
}

TEST(Encoding, TextThatGrowsWithoutBoundIsRefused) {
  std::string grow = R"({"type": "Replace", "pattern": {"String": "a"}, "content": ")" +
                     std::string(200, 'a') + "\"}";
  std::string list = R"({"type": "Sequence", "normalizers": [)" + grow + "," + grow + "," +
                     grow + "," + grow + "]}";
  auto tokenizer = makeTokenizer({{"tokenizer.json", wordPieceJson("normalizer", list)}}, {});
  ASSERT_TRUE(tokenizer);
  EXPECT_NE((*tokenizer)->encode("aaaa", {}).status().message().find("grow"),
            std::string::npos);
}

TEST(Encoding, TruncationSaysWhatItCannotDo) {
  auto tokenizer = load("bert-cased");
  ASSERT_NE(tokenizer, nullptr);
  EncodeOptions options;
  options.maxLength = 1;
  EXPECT_NE(tokenizer->encode("a b c", options).status().message().find("at least 2"),
            std::string::npos);
  options.maxLength = 4;
  options.truncation = Truncation::OnlySecond;
  EXPECT_NE(tokenizer->encode("a b c d e", options).status().message().find("pair"),
            std::string::npos);
  options.truncation = Truncation::LongestFirst;
  auto whole = tokenizer->encode("a b c d e", {}),
       cut = tokenizer->encode("a b c d e", options);
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->ids.size(), 4u);
  EXPECT_EQ(cut->truncated, std::int64_t(whole->ids.size()) - 4);
}

TEST(Vocabulary, TextsAndIdsBothWays) {
  auto tokenizer = makeTokenizer({{"tokenizer.json", wordPieceJson("added_tokens", R"([
          {"id": 77, "content": "<x>", "special": true, "normalized": false},
          {"id": 3, "content": "ab", "special": false, "normalized": false}])")}},
                                 {});
  ASSERT_TRUE(tokenizer) << tokenizer.status().message();
  EXPECT_EQ((*tokenizer)->vocabularySize(), 5);
  EXPECT_EQ((*tokenizer)->tokenToId("<x>"), 4); // the next free id, not the one written
  EXPECT_EQ((*tokenizer)->idToToken(4), "<x>");
  EXPECT_EQ((*tokenizer)->tokenToId("ab"), 3);
  EXPECT_EQ((*tokenizer)->tokenToId("nope"), -1);
  EXPECT_EQ((*tokenizer)->idToToken(99), "");
  EXPECT_EQ((*tokenizer)->decode({4, 1, 99, -1, 3}, false), "<x> a ab");
  EXPECT_EQ((*tokenizer)->decode({4, 1, 3}, true), "a ab");
}

class TokenizeLines : public ::testing::Test {
protected:
  std::string run(const std::string &content) {
    std::string path = ::testing::TempDir() + "/tokenize-lines.txt";
    std::ofstream(path, std::ios::binary) << content;
    auto tokenizer = makeTokenizer({{"tokenizer.json", wordPieceJson()}}, {});
    EXPECT_TRUE(tokenizer);
    std::FILE *out = std::tmpfile();
    status = tokenizeLines(**tokenizer, path, out);
    std::string text(static_cast<std::size_t>(std::ftell(out)), '\0');
    std::rewind(out);
    EXPECT_EQ(std::fread(text.data(), 1, text.size(), out), text.size());
    std::fclose(out);
    std::remove(path.c_str());
    return text;
  }
  Status status;
};

TEST_F(TokenizeLines, OneObjectALine) {
  EXPECT_EQ(run("\xef\xbb\xbf"
                "abb a\r\n\n\xc3\xa9 ab"),
            "{\"ids\": [3, 2, 1], \"offsets\": [[0, 2], [2, 3], [4, 5]]}\n"
            "{\"ids\": [], \"offsets\": []}\n"
            "{\"ids\": [0, 3], \"offsets\": [[0, 1], [2, 4]]}\n");
  EXPECT_TRUE(status) << status.message();
  EXPECT_EQ(run(""), "");
  EXPECT_TRUE(status);
}

TEST_F(TokenizeLines, InvalidUtf8NamesFileAndLine) {
  run("ab\nab\n\xff\n");
  EXPECT_NE(status.message().find("tokenize-lines.txt' line 3: text: invalid UTF-8 at byte 0"),
            std::string::npos)
      << status.message();
}

} // namespace
