// The last words of a run fit the terminal.
#include "runtime/train/SummaryTable.h"

#include <gtest/gtest.h>

#include <sstream>

namespace ftc::rt {
namespace {

const std::vector<SummaryMetric> kMetrics = {{"eval_accuracy", 0.1075, 0.8312, 0.013},
                                             {"eval_loss", 4.05, 0.62, {}}};
const std::vector<SummaryLine> kLines = {
    {"training",
     {"3000 steps", "3 epochs", "1234.5 s", "12345 tokens/s", "first step after 1.5 s"}},
    {"model", {"'my-model'"}}};

TEST(SummaryTable, NumbersStandUnderOneAnother) {
  std::string text = layOutSummary(kMetrics, kLines, 80);
  EXPECT_EQ(text.substr(0, text.find("training")),
            "metric          before    after baseline\n"
            "eval_accuracy   0.1075   0.8312   0.0130\n"
            "eval_loss       4.0500   0.6200        -\n");
  EXPECT_NE(text.find("training     3000 steps, 3 epochs, 1234.5 s"), std::string::npos);
}

TEST(SummaryTable, FitsAnyWidth) {
  for (int columns : {20, 30, 40, 60, 80}) {
    std::istringstream lines(layOutSummary(kMetrics, kLines, columns));
    for (std::string line; std::getline(lines, line);)
      EXPECT_LE(line.size(), static_cast<std::size_t>(columns)) << line;
  }
}

TEST(SummaryTable, LeavesOutColumnsThatNobodyHas) {
  std::string text = layOutSummary({{"predict_f1", {}, 51.5, {}}}, {}, 80);
  EXPECT_EQ(text, "metric        after\npredict_f1    51.50\n");
  EXPECT_EQ(layOutSummary({}, {}, 80), "");
}

} // namespace
} // namespace ftc::rt
