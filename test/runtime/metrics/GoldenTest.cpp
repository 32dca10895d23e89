// Every metric against recorded answers of scikit-learn and seqeval (see
// test/oracle/metrics/record.py), to 1e-9.
#include "runtime/metrics/Accuracy.h"
#include "runtime/metrics/F1.h"
#include "runtime/metrics/Matthews.h"
#include "runtime/metrics/SeqevalLenient.h"
#include "runtime/metrics/SeqevalStrict.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>

namespace ftc::rt {
namespace {

using nlohmann::json;

constexpr double kTolerance = 1e-9;

json readGolden() {
  std::ifstream file(FTC_TEST_DIR "/golden.json");
  return json::parse(file, nullptr, /*allow_exceptions=*/false);
}

std::int32_t digit(char c) {
  if (c <= '9')
    return c - '0';
  return c <= 'Z' ? c - 'A' + 10 : c - 'a' + 36;
}

std::vector<std::vector<std::int32_t>> sentences(const std::string &text) {
  std::vector<std::vector<std::int32_t>> result(1);
  for (char c : text)
    if (c == ' ')
      result.emplace_back();
    else
      result.back().push_back(digit(c));
  return result;
}

TEST(Golden, Classification) {
  json golden = readGolden();
  ASSERT_TRUE(golden.is_object());
  const json &cases = golden["classification"];
  ASSERT_GT(cases.size(), 200u);
  for (const json &entry : cases) {
    ConfusionMatrix matrix(entry[0].get<std::int64_t>());
    auto truth = entry[1].get<std::string>(), predicted = entry[2].get<std::string>();
    for (std::size_t i = 0; i < truth.size(); ++i)
      matrix.add(digit(truth[i]), digit(predicted[i]));
    auto expected = entry[3].get<std::vector<double>>();
    EXPECT_NEAR(accuracy(matrix), expected[0], kTolerance) << entry;
    EXPECT_NEAR(macroF1(matrix), expected[1], kTolerance) << entry;
    EXPECT_NEAR(microF1(matrix), expected[2], kTolerance) << entry;
    EXPECT_NEAR(matthewsCorrelation(matrix), expected[3], kTolerance) << entry;
    if (expected.size() > 4)
      EXPECT_NEAR(classScores(matrix, 1).f1, expected[4], kTolerance) << entry;
  }
}

void expectTypes(const EntityCounts &counts, const json &expected, const json &entry) {
  auto types = counts.perType();
  ASSERT_EQ(types.size(), expected.size()) << entry;
  // Python sorts by code point, as UTF-8 bytes do.
  for (std::size_t i = 0; i < types.size(); ++i) {
    EXPECT_EQ(types[i].first, expected[i][0].get<std::string>()) << entry;
    EXPECT_NEAR(types[i].second.precision, expected[i][1].get<double>(), kTolerance) << entry;
    EXPECT_NEAR(types[i].second.recall, expected[i][2].get<double>(), kTolerance) << entry;
    EXPECT_NEAR(types[i].second.f1, expected[i][3].get<double>(), kTolerance) << entry;
    EXPECT_EQ(types[i].second.support, expected[i][4].get<std::int64_t>()) << entry;
  }
}

void expectMicro(const EntityCounts &counts, const json &expected, const json &entry) {
  PrecisionRecallF1 micro = counts.micro();
  EXPECT_NEAR(micro.precision, expected[0].get<double>(), kTolerance) << entry;
  EXPECT_NEAR(micro.recall, expected[1].get<double>(), kTolerance) << entry;
  EXPECT_NEAR(micro.f1, expected[2].get<double>(), kTolerance) << entry;
}

TEST(Golden, Sequences) {
  json golden = readGolden();
  ASSERT_TRUE(golden.is_object());
  const json &cases = golden["sequence"];
  ASSERT_GT(cases.size(), 300u);
  int strictCases = 0;
  for (const json &entry : cases) {
    auto labels = entry[0].get<std::vector<std::string>>();
    auto truth = sentences(entry[1].get<std::string>());
    auto predicted = sentences(entry[2].get<std::string>());
    SeqevalLenient lenient(labels);
    ConfusionMatrix words(static_cast<std::int64_t>(labels.size()));
    for (std::size_t s = 0; s < truth.size(); ++s) {
      lenient.addSentence(truth[s], predicted[s]);
      for (std::size_t w = 0; w < truth[s].size(); ++w)
        words.add(truth[s][w], predicted[s][w]);
    }
    expectMicro(lenient.counts(), entry[3], entry);
    EXPECT_NEAR(accuracy(words), entry[3][3].get<double>(), kTolerance) << entry;
    expectTypes(lenient.counts(), entry[4], entry);
    ASSERT_EQ(SeqevalStrict::accepts(labels), !entry[5].is_null()) << entry;
    if (entry[5].is_null())
      continue;
    ++strictCases;
    SeqevalStrict strict(labels);
    for (std::size_t s = 0; s < truth.size(); ++s)
      strict.addSentence(truth[s], predicted[s]);
    expectMicro(strict.counts(), entry[5], entry);
    expectTypes(strict.counts(), entry[6], entry);
  }
  EXPECT_GT(strictCases, 150);
}

TEST(Metrics, NothingCountedIsZeroNotNan) {
  ConfusionMatrix matrix(3);
  EXPECT_EQ(accuracy(matrix), 0);
  EXPECT_EQ(macroF1(matrix), 0);
  EXPECT_EQ(microF1(matrix), 0);
  EXPECT_EQ(matthewsCorrelation(matrix), 0);
  EXPECT_EQ(majorityBaseline(matrix).accuracy, 0);
}

TEST(Metrics, MajorityBaseline) {
  ConfusionMatrix matrix(3);
  matrix.add(1, 0);
  matrix.add(2, 0);
  matrix.add(2, 2);
  EXPECT_EQ(majorityBaseline(matrix).label, 2);
  EXPECT_NEAR(majorityBaseline(matrix).accuracy, 2.0 / 3, kTolerance);
}

} // namespace
} // namespace ftc::rt
