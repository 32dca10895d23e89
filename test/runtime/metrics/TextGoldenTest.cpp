// ROUGE, BLEU, chrF, 13a and the stemmer against recorded answers of rouge-score, sacreBLEU and
// nltk (see test/oracle/metrics/record_text.py), to 1e-9.
#include "runtime/metrics/Bleu.h"
#include "runtime/metrics/Chrf.h"
#include "runtime/metrics/PorterStemmer.h"
#include "runtime/metrics/Rouge.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>

namespace ftc::rt {
namespace {

using nlohmann::json;

constexpr double kTolerance = 1e-9;

/// The cases of one part of the golden file, of which there must be at least `least`.
json golden(const char *part, std::size_t least) {
  std::ifstream file(FTC_TEST_DIR "/text_golden.json");
  json all = json::parse(file, nullptr, /*allow_exceptions=*/false);
  json cases = all.is_object() ? all[part] : json();
  EXPECT_GE(cases.size(), least) << part;
  return cases;
}

void expectScores(const PrecisionRecallF1 &scores, const json &expected, int at,
                  const json &entry) {
  EXPECT_NEAR(scores.precision, expected[at].get<double>(), kTolerance) << entry;
  EXPECT_NEAR(scores.recall, expected[at + 1].get<double>(), kTolerance) << entry;
  EXPECT_NEAR(scores.f1, expected[at + 2].get<double>(), kTolerance) << entry;
}

TEST(TextGolden, Rouge) {
  RougeMean mean;
  std::array<double, 4> sums{};
  json cases = golden("rouge", 150);
  for (const json &entry : cases) {
    RougeScores scores = rouge(entry[0].get<std::string>(), entry[1].get<std::string>());
    expectScores(scores.rouge1, entry[2], 0, entry);
    expectScores(scores.rouge2, entry[2], 3, entry);
    expectScores(scores.rougeL, entry[2], 6, entry);
    expectScores(scores.rougeLsum, entry[2], 9, entry);
    mean.add(scores);
    for (std::size_t i = 0; i < sums.size(); ++i)
      sums[i] += entry[2][3 * i + 2].get<double>();
  }
  ASSERT_EQ(mean.pairs(), static_cast<std::int64_t>(cases.size()));
  auto pairs = static_cast<double>(mean.pairs());
  EXPECT_NEAR(mean.rouge1(), sums[0] / pairs, kTolerance);
  EXPECT_NEAR(mean.rouge2(), sums[1] / pairs, kTolerance);
  EXPECT_NEAR(mean.rougeL(), sums[2] / pairs, kTolerance);
  EXPECT_NEAR(mean.rougeLsum(), sums[3] / pairs, kTolerance);
  EXPECT_NE(sums[2], sums[3]); // else the cases would not tell L from Lsum
}

TEST(TextGolden, BleuAndChrf) {
  int smoothed = 0, shorter = 0;
  for (const json &entry : golden("corpora", 150)) {
    Bleu bleu;
    Chrf chrf;
    for (std::size_t i = 0; i < entry[0].size(); ++i) {
      bleu.add(entry[0][i].get<std::string>(), entry[1][i].get<std::string>());
      chrf.add(entry[0][i].get<std::string>(), entry[1][i].get<std::string>());
    }
    const json &expected = entry[2];
    BleuScore score = bleu.score();
    EXPECT_NEAR(score.score, expected[0].get<double>(), kTolerance) << entry;
    for (std::size_t n = 0; n < 4; ++n) {
      EXPECT_NEAR(score.precisions[n], expected[1][n].get<double>(), kTolerance) << entry;
      EXPECT_EQ(score.correct[n], expected[2][n].get<std::int64_t>()) << entry;
      EXPECT_EQ(score.total[n], expected[3][n].get<std::int64_t>()) << entry;
    }
    EXPECT_NEAR(score.brevityPenalty, expected[4].get<double>(), kTolerance) << entry;
    EXPECT_EQ(score.hypothesisLength, expected[5].get<std::int64_t>()) << entry;
    EXPECT_EQ(score.referenceLength, expected[6].get<std::int64_t>()) << entry;
    EXPECT_NEAR(chrf.score(), expected[7].get<double>(), kTolerance) << entry;
    smoothed += score.score > 0 && score.correct[3] == 0;
    shorter += score.brevityPenalty > 0 && score.brevityPenalty < 1;
  }
  EXPECT_GT(smoothed, 10);
  EXPECT_GT(shorter, 10);
}

TEST(TextGolden, Tokens) {
  for (const json &entry : golden("tokens", 150))
    EXPECT_EQ(tokenize13a(entry[0].get<std::string>()), entry[1].get<std::string>()) << entry;
}

TEST(TextGolden, Stems) {
  for (const json &entry : golden("stems", 900))
    EXPECT_EQ(porterStem(entry[0].get<std::string>()), entry[1].get<std::string>()) << entry;
}

TEST(TextGolden, Signatures) {
  json signatures = golden("signatures", 1);
  EXPECT_EQ(Bleu::signature(), signatures[0][0].get<std::string>());
  EXPECT_EQ(Chrf::signature(), signatures[0][1].get<std::string>());
}

} // namespace
} // namespace ftc::rt
