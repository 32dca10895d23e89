// Metrics of several labels and of values against recorded answers of scikit-learn and SciPy
// (see test/oracle/metrics/record_targets.py), to 1e-9.
#include "runtime/metrics/MultiLabel.h"
#include "runtime/metrics/Regression.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>

namespace ftc::rt {
namespace {

using nlohmann::json;

json readCases(const char *name) {
  std::ifstream file(FTC_TEST_DIR "/target_golden.json");
  json golden = json::parse(file, nullptr, /*allow_exceptions=*/false);
  return golden.is_object() ? golden[name] : json::array();
}

TEST(TargetGolden, SeveralLabels) {
  json cases = readCases("labels");
  ASSERT_GT(cases.size(), 200u);
  for (const json &entry : cases) {
    std::size_t width = entry[0][0].get<std::string>().size();
    LabelCounts counts(static_cast<std::int64_t>(width));
    for (std::size_t row = 0; row < entry[0].size(); ++row) {
      auto truth = entry[0][row].get<std::string>(), found = entry[1][row].get<std::string>();
      std::vector<float> targets;
      std::vector<std::uint8_t> predicted;
      for (std::size_t label = 0; label < width; ++label) {
        targets.push_back(truth[label] == '1' ? 1.0f : 0.0f);
        predicted.push_back(found[label] == '1');
      }
      counts.add(targets, predicted);
    }
    auto expected = entry[2].get<std::vector<double>>();
    MultiLabelBaseline baseline = counts.baseline();
    EXPECT_NEAR(counts.accuracy(), expected[0], 1e-9) << entry;
    EXPECT_NEAR(counts.microF1(), expected[1], 1e-9) << entry;
    EXPECT_NEAR(counts.macroF1(), expected[2], 1e-9) << entry;
    EXPECT_NEAR(baseline.accuracy, expected[3], 1e-9) << entry;
    EXPECT_NEAR(baseline.f1, expected[4], 1e-9) << entry;
  }
}

TEST(TargetGolden, Values) {
  json cases = readCases("values");
  ASSERT_GT(cases.size(), 200u);
  for (const json &entry : cases) {
    auto truth = entry[0].get<std::vector<double>>(),
         found = entry[1].get<std::vector<double>>();
    const json &expected = entry[2];
    // Where SciPy gives no number, 0.
    auto wanted = [&](int i) {
      return expected[i].is_null() ? 0.0 : expected[i].get<double>();
    };
    EXPECT_NEAR(meanSquaredError(truth, found), wanted(0), 1e-9 * (1 + wanted(0))) << entry;
    EXPECT_NEAR(populationVariance(truth), wanted(1), 1e-9 * (1 + wanted(1))) << entry;
    EXPECT_NEAR(pearsonCorrelation(truth, found), wanted(2), 1e-9) << entry;
    EXPECT_NEAR(spearmanCorrelation(truth, found), wanted(3), 1e-9) << entry;
  }
}

TEST(TargetGolden, NothingIsZeroNotNan) {
  LabelCounts counts(3);
  EXPECT_EQ(counts.accuracy(), 0);
  EXPECT_EQ(counts.microF1(), 0);
  EXPECT_EQ(counts.macroF1(), 0);
  EXPECT_EQ(counts.baseline().accuracy, 0);
  EXPECT_EQ(counts.baseline().f1, 0);
  EXPECT_EQ(meanSquaredError({}, {}), 0);
  EXPECT_EQ(populationVariance({}), 0);
  EXPECT_EQ(pearsonCorrelation({}, {}), 0);
  EXPECT_EQ(spearmanCorrelation({}, {}), 0);
}

} // namespace
} // namespace ftc::rt
