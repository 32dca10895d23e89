// Ten thousand mutants and every truncation of each parser's seeds, the same on every machine:
// what libFuzzer looks for at length, in every run of the tests.
#include "runtime/support/File.h"
#include "runtime/support/FileSystem.h"
#include "test/fuzz/Parsers.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>

using namespace ftc::rt;
using ftc::test::Parser;

namespace {

std::vector<std::string> seedsOf(const Parser &parser) {
  std::string directory = std::string(FTC_SEEDS) + "/" + parser.name;
  auto names = listDirectory(directory);
  std::vector<std::string> seeds;
  if (names)
    for (const std::string &name : *names)
      seeds.push_back(*readFile(joinPath(directory, name), 1 << 16));
  return seeds;
}

/// Mutates bytes, or whole pieces of JSON, of one seed.
class Mutator {
public:
  explicit Mutator(std::uint32_t seed) : random(seed) {}

  std::string mutate(std::string text, const std::vector<std::string> &seeds) {
    for (std::size_t rounds = 1 + below(4); rounds; --rounds)
      once(text, seeds);
    return text;
  }

private:
  // std::uniform_int_distribution differs between libraries; a remainder does not.
  std::size_t below(std::size_t bound) { return bound ? random() % bound : 0; }

  void once(std::string &text, const std::vector<std::string> &seeds) {
    static const std::string_view tokens[] = {"{",
                                              "}",
                                              "[",
                                              "]",
                                              ":",
                                              ",",
                                              "\"",
                                              "null",
                                              "true",
                                              "-1",
                                              "-0",
                                              "1e400",
                                              "1.0",
                                              "0",
                                              "4",
                                              "\"F32\"",
                                              "\"F4\"",
                                              "18446744073709551615",
                                              "18446744073709551616",
                                              "9223372036854775807",
                                              "\"__metadata__\"",
                                              "\"dtype\"",
                                              "\"shape\"",
                                              "\"data_offsets\"",
                                              "\"weight_map\"",
                                              "\"../x.safetensors\"",
                                              "\\ud800",
                                              "\\u0000",
                                              "\xEF\xBB\xBF",
                                              "\xff",
                                              "4611686018427387904",
                                              "\n",
                                              "[[[[[[[["};
    std::size_t at = below(text.size() + 1);
    switch (below(7)) {
    case 0: // A bit.
      if (at < text.size())
        text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
      break;
    case 1: // A byte.
      if (at < text.size())
        text[at] = static_cast<char>(random());
      break;
    case 2: // A piece away.
      text.erase(at, 1 + below(12));
      break;
    case 3: // A piece twice.
      text.insert(at, text.substr(below(text.size() + 1), 1 + below(40)));
      break;
    case 4: // A token in.
      text.insert(at, tokens[below(std::size(tokens))]);
      break;
    case 5: { // A number or word exchanged for a token.
      at = text.find_first_of("0123456789", at);
      if (at == text.npos)
        break;
      std::size_t end = text.find_first_not_of("0123456789", at);
      text.replace(at, (end == text.npos ? text.size() : end) - at,
                   tokens[below(std::size(tokens))]);
      break;
    }
    default: { // The tail of another seed.
      const std::string &other = seeds[below(seeds.size())];
      text = text.substr(0, at) + other.substr(std::min(at, other.size()));
    }
    }
  }

  std::mt19937 random;
};

class Mutation : public testing::TestWithParam<Parser> {};

TEST_P(Mutation, SeedsParse) {
  std::vector<std::string> seeds = seedsOf(GetParam());
  ASSERT_GE(seeds.size(), 2u) << "no seeds in " << FTC_SEEDS;
  for (const std::string &seed : seeds) {
    Status status = GetParam().parse(seed);
    EXPECT_TRUE(status) << seed << ": " << status.message();
  }
}

TEST_P(Mutation, TenThousandMutants) {
  std::vector<std::string> seeds = seedsOf(GetParam());
  Mutator mutator(2026);
  std::size_t accepted = 0, refused = 0;
  auto slowest = std::chrono::steady_clock::duration::zero();
  for (int i = 0; i < 10000; ++i) {
    std::string mutant = mutator.mutate(seeds[i % seeds.size()], seeds);
    auto start = std::chrono::steady_clock::now();
    GetParam().parse(mutant) ? ++accepted : ++refused; // A broken promise aborts.
    slowest = std::max(slowest, std::chrono::steady_clock::now() - start);
  }
  // Both verdicts are exercised: a mutator that breaks everything at the first byte tests
  // little.
  EXPECT_GT(refused, 1000u);
  if (std::string_view(GetParam().name) != "manifest") // Its checksum refuses nearly all.
    EXPECT_GT(accepted, 100u);
  EXPECT_LT(slowest, std::chrono::seconds(1));
}

TEST_P(Mutation, EveryTruncationIsRefused) {
  if (std::string_view(GetParam().name) == "data")
    GTEST_SKIP() << "a data file that is cut at a line's end is a shorter one";
  if (std::string_view(GetParam().name) == "sentencepiece")
    GTEST_SKIP() << "a shorter list of protobuf fields is valid too";
  for (const std::string &seed : seedsOf(GetParam())) {
    // Trailing white space may go.
    std::size_t last = seed.find_last_not_of(" \n");
    for (std::size_t size = 0; size <= last; ++size)
      ASSERT_FALSE(GetParam().parse(std::string_view(seed).substr(0, size)))
          << GetParam().name << " cut to " << size << " of " << seed.size();
  }
}

INSTANTIATE_TEST_SUITE_P(Parsers, Mutation,
                         testing::ValuesIn(ftc::test::parsers().begin(),
                                           ftc::test::parsers().end()),
                         [](const auto &info) { return std::string(info.param.name); });

} // namespace
