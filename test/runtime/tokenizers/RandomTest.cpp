// The wheel's recorded answers, as hashes, to random requests: 10^5 a family of tokenizers, and
// with FTC_LONG all that are on record (10^7 each of WordPiece, BPE, Unigram, WordLevel, Marian
// and SentencePiece files) and every scalar in four contexts.
#include "runtime/support/Sha256.h"
#include "test/oracle/tokenizers/RandomRequests.h"
#include "test/oracle/tokenizers/Requests.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>

using namespace ftc::test;

namespace {

constexpr std::size_t kBlock = 10000;
constexpr std::uint32_t kScalars = 0x10000;
const std::string kGolden = std::string(FTC_TEST_DIR) + "/golden/";

bool isLong() {
  const char *text = std::getenv("FTC_LONG");
  return text && *text && std::string_view(text) != "0";
}

struct Recorded {
  std::string folder, modelType;
  Json hashes;
  std::unique_ptr<Tokenizer> tokenizer;

  bool marian() const { return modelType == "marian"; }
};

std::vector<Recorded> readAll() {
  std::vector<Recorded> out;
  std::ifstream index(kGolden + "index.json");
  for (const Json &row : Json::parse(index)) {
    Recorded one{row[3].get<std::string>(), row[1].get<std::string>(), {}, nullptr};
    std::ifstream file(kGolden + one.folder + "/random.json");
    EXPECT_TRUE(file) << one.folder << " has no random.json";
    one.hashes = Json::parse(file);
    auto files = readTokenizerFiles(kGolden + one.folder);
    EXPECT_TRUE(files);
    auto tokenizer =
        makeTokenizer(*files, tokenizerOptions(one.modelType, row[2].get<std::string>()));
    EXPECT_TRUE(tokenizer) << one.folder;
    one.tokenizer = tokenizer.take();
    out.push_back(std::move(one));
  }
  return out;
}

std::string hashOf(const std::string &bytes) { return sha256Hex(bytes)->substr(0, 16); }

TEST(Random, AnswersHaveTheWheelsHashes) {
  std::size_t blocks = 0;
  for (const Recorded &one : readAll()) {
    RandomRequests requests(*one.tokenizer,
                            one.hashes["added"].get<std::vector<std::string>>());
    auto panics = one.hashes["panics"].get<std::set<std::size_t>>();
    const Json &hashes = one.hashes["blocks"];
    std::size_t count = isLong() ? hashes.size() : one.hashes["short"].get<std::size_t>();
    ASSERT_LE(count, hashes.size());
    for (std::size_t block = 0; block < count; ++block, ++blocks) {
      std::string answers;
      std::size_t index = block * kBlock;
      for (Request &request : requests.block(block, kBlock)) {
        bool asked = !panics.count(index++);
        // MarianTokenizer is asked for texts without language codes alone, with
        // truncation=True.
        if (one.marian()) {
          asked = request.kind == Request::Kind::Text &&
                  request.texts[0].find(">>") == std::string::npos;
          request.options.truncation = Truncation::LongestFirst;
        }
        if (asked)
          appendAnswer(*one.tokenizer, request, one.marian(), answers);
      }
      EXPECT_EQ(hashOf(answers), hashes[block].get<std::string>())
          << one.folder << ", block " << block;
    }
  }
  // Six families of 10^5 at least.
  EXPECT_GE(blocks, 60u);
  std::printf("%zu blocks of %zu requests\n", blocks, kBlock);
}

TEST(Random, EveryScalarInFourContexts) {
  if (!isLong())
    GTEST_SKIP() << "FTC_LONG=1 compares every scalar in four contexts";
  std::size_t compared = 0;
  for (const Recorded &one : readAll()) {
    const Json &hashes = one.hashes["scalars"];
    std::size_t at = 0;
    for (unsigned context = 0; context < 4 && !hashes.empty(); ++context)
      for (std::uint32_t first = 0; first < 0x110000; first += kScalars, ++at) {
        std::string answers;
        for (const Request &request : RandomRequests::scalars(context, first, first + kScalars))
          appendAnswer(*one.tokenizer, request, false, answers);
        EXPECT_EQ(hashOf(answers), hashes.at(at).get<std::string>())
            << one.folder << ", context " << context << ", from " << first;
      }
    compared += !hashes.empty();
  }
  EXPECT_GE(compared, 13u);
}

} // namespace
