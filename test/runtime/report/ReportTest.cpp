// The report: self-contained, escaped, with the parts its data allow.
#include "runtime/report/Report.h"
#include "runtime/report/Chart.h"

#include <gtest/gtest.h>

#include <limits>

namespace ftc::rt {
namespace {

ReportData sample() {
  ReportData data;
  data.title = "text-classification <b>";
  data.headline = "accuracy 0.9, baseline 0.5";
  data.metrics = {{"eval_accuracy", "0.9"}};
  data.settings = {{"--seed", "42"}, {"--train_file", "a & \"b\".csv"}};
  data.metricName = "eval_accuracy";
  data.baseline = 0.5;
  for (int step = 10; step <= 30; step += 10)
    data.logHistory.push_back({{"loss", 3.0 / step}, {"learning_rate", 1e-4}, {"step", step}});
  data.logHistory.push_back({{"eval_loss", 0.4}, {"eval_accuracy", 0.9}, {"step", 30}});
  data.labels = {"no", "<script>"};
  data.confusion = ConfusionMatrix(2);
  data.confusion->add(0, 0);
  data.confusion->add(1, 0);
  return data;
}

TEST(Report, HoldsEverythingAndEscapesIt) {
  std::string page = renderReport(sample());
  for (const char *part :
       {"text-classification &lt;b&gt;", "Confusion matrix", "&lt;script&gt;", "eval_accuracy",
        "baseline", "a &amp; &quot;b&quot;.csv", "<polyline", "<circle"})
    EXPECT_NE(page.find(part), std::string::npos) << part;
  for (const char *part : {"<script", "http", "src=", "href=", "nan", "inf"})
    EXPECT_EQ(page.find(part), std::string::npos) << part;
}

TEST(Report, LeavesOutWhatIsMissingOrTooLarge) {
  ReportData data;
  data.title = "t";
  std::string page = renderReport(data);
  EXPECT_EQ(page.find("<svg"), std::string::npos);
  EXPECT_EQ(page.find("<table"), std::string::npos);
  data.labels.assign(31, "x");
  data.confusion = ConfusionMatrix(31);
  data.confusion->add(0, 0);
  EXPECT_EQ(renderReport(data).find("Confusion"), std::string::npos);
}

TEST(Chart, SkipsPointsThatAreNotFinite) {
  ChartSeries one{
      "loss", "#000", {{1, 2}, {2, std::numeric_limits<double>::quiet_NaN()}, {3, 4}}};
  std::string svg = renderChart("loss", std::span(&one, 1));
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  one.points = {{1, std::numeric_limits<double>::infinity()}};
  EXPECT_EQ(renderChart("loss", std::span(&one, 1)), "");
}

} // namespace
} // namespace ftc::rt
