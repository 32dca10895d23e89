// The page: self-contained, well-formed, escaped, bounded, with the parts its data allow.
#include "runtime/report/Report.h"
#include "runtime/report/Chart.h"
#include "runtime/report/Sections.h"

#include <gtest/gtest.h>

#include <limits>
#include <regex>

namespace ftc::rt {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

ReportData sample(int examples = 200) {
  ReportData data;
  data.title = "text-classification <b>";
  data.measure = {"eval_accuracy", "validation", 0.9, true, EarlierValue{10, 0.4}};
  data.metrics = {{"eval_accuracy", "0.9"}};
  data.settings = {{"--seed", "42"}, {"--train_file", "a & \"b\".csv"}};
  data.command = {"ftrt", "run", "a b.ftb", "--train_file", "it's <here>"};
  data.logMetric = "eval_accuracy";
  for (int step = 10; step <= 30; step += 10)
    data.logHistory.push_back({{"loss", 3.0 / step}, {"learning_rate", 1e-4}, {"step", step}});
  data.logHistory.push_back({{"eval_loss", 0.4}, {"eval_accuracy", 0.9}, {"step", 30}});
  SampledMetric metric{.name = "accuracy",
                       .unit = "examples",
                       .baselineName = "<always>",
                       .width = 2,
                       .value = ratioOfSums,
                       .proportion = true};
  ConfusionFinding confusion{ConfusionMatrix(2), {"no", "<script>"}, "examples"};
  for (int i = 0; i < examples; ++i) {
    bool right = i % 10 != 0;
    metric.sums.insert(metric.sums.end(), {right ? 1.0 : 0.0, 1});
    metric.baseline.insert(metric.baseline.end(), {i % 2 ? 1.0 : 0.0, 1});
    confusion.matrix.add(i % 2, right ? i % 2 : 1 - i % 2);
  }
  data.findings.metric = metric;
  data.findings.confusion = confusion;
  data.findings.tables = {{"Labels", "label", {{"<script>", {0.9, 0.8, 0.85, 100}}}}};
  data.findings.worst = {{7, 5.5, "</dd><script>alert(1)</script>", "", "no", "<script>"}};
  data.findings.worstBy = "highest loss";
  data.planned = {{"arena", 1 << 20}};
  data.plannedBytes = 1 << 20;
  data.seenBytes = 3 << 20;
  return data;
}

/// Every element is closed, in order; controls and outside resources are nowhere.
void expectWellFormed(const std::string &page) {
  std::vector<std::string> open;
  static const std::regex tag("<(/?)([a-zA-Z0-9]+)([^<>]*)>");
  std::size_t angles = 0;
  for (std::sregex_iterator at(page.begin(), page.end(), tag), end; at != end; ++at) {
    ++angles;
    std::string name = (*at)[2], rest = (*at)[3];
    if (name == "meta" || rest.ends_with("/"))
      continue;
    if ((*at)[1].length() == 0) {
      open.push_back(name);
      continue;
    }
    ASSERT_FALSE(open.empty()) << name;
    ASSERT_EQ(open.back(), name);
    open.pop_back();
  }
  EXPECT_TRUE(open.empty());
  EXPECT_EQ(static_cast<std::size_t>(std::count(page.begin(), page.end(), '<')), angles + 1);
  for (const char *part :
       {"<script", "http", "src=", "href=", "url(", "@import", "nan\"", "inf\""})
    EXPECT_EQ(page.find(part), std::string::npos) << part;
  for (unsigned char c : page)
    EXPECT_TRUE(c >= 0x20 || c == '\n' || c == '\t') << static_cast<int>(c);
}

TEST(Report, ExamplesAreCountedAsTheFileCounts) {
  ReportData data = sample();
  EXPECT_NE(examplesSection(data.findings).find("line 7,"), std::string::npos);
  data.findings.rowUnit = "row";
  EXPECT_NE(examplesSection(data.findings).find("row 7,"), std::string::npos);
  EXPECT_EQ(examplesSection(data.findings).find("line 7,"), std::string::npos);
}

TEST(Report, HoldsEverythingAndEscapesIt) {
  std::string page = renderReport(sample());
  expectWellFormed(page);
  for (const char *part :
       {"text-classification &lt;b&gt;", "Confusion matrix", "&lt;script&gt;", "eval_accuracy",
        "Better than the baseline", "a &amp; &quot;b&quot;.csv", "<polyline", "<circle",
        "Worst examples", "planned in all", "200 examples", "&#39;it&#39;\\&#39;&#39;s"})
    EXPECT_NE(page.find(part), std::string::npos) << part;
}

TEST(Report, LeavesOutWhatIsMissing) {
  ReportData data;
  data.title = "t";
  std::string page = renderReport(data);
  expectWellFormed(page);
  EXPECT_NE(page.find("Trained, not measured"), std::string::npos);
  for (const char *part : {"<svg", "<table", "Confusion", "Worst", "Memory"})
    EXPECT_EQ(page.find(part), std::string::npos) << part;
}

TEST(Report, HostileTextsBreakNothing) {
  ReportData data = sample();
  std::string word(1 << 20, 'x');
  std::string odd =
      "\xE2\x80\xAE\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D \xF0\x9F\x98\x80 \x01\x7F\xC2\x85"
      "\xFF\xFE\xEF\xBF\xBF ]]> --> </style><!-- &amp; ";
  for (const std::string &text : {word, odd, std::string("\0\r\n", 3)}) {
    data.title = data.measure.metric = data.details = data.subtitle = text;
    data.findings.worst.assign(20, {1, kNaN, text, text, text, text});
    data.findings.confusion->labels = {text, text};
    data.findings.metric->baselineName = text;
    data.findings.tables[0].rows[0].first = text;
    data.settings = {{text, text}};
    data.command = {"ftrt", "run", text};
    data.logHistory.push_back({{"loss", nullptr}, {"grad_norm", kNaN}, {"step", 40}});
    std::string page = renderReport(data);
    expectWellFormed(page);
    EXPECT_LT(page.size(), 200000u);
  }
}

TEST(Report, VerdictSaysWhatSoFewExamplesCanTell) {
  EXPECT_NE(verdictSection(sample(10)).find("Not to be told from the baseline"),
            std::string::npos);
  ReportData worse = sample();
  std::swap(worse.findings.metric->sums, worse.findings.metric->baseline);
  std::string text = verdictSection(worse);
  EXPECT_NE(text.find("Worse than the baseline"), std::string::npos);
  EXPECT_NE(text.find("more than the noise of 200 examples"), std::string::npos);
  EXPECT_NE(text.find("after step 10, gave 0.4"), std::string::npos);
}

TEST(Report, ManyLabelsHaveAMapAndVeryManyAList) {
  for (std::int64_t labels : {2, 16, 17, 77, 100, 101}) {
    ConfusionFinding confusion{ConfusionMatrix(labels), {}, "examples"};
    for (std::int64_t i = 0; i < labels; ++i) {
      confusion.labels.push_back("label " + std::to_string(i));
      confusion.matrix.add(static_cast<std::int32_t>(i), 0);
    }
    std::string text = confusionSection(confusion);
    EXPECT_EQ(text.find("class=\"confusion\"") != std::string::npos, labels <= 16) << labels;
    EXPECT_EQ(text.find("class=\"map\"") != std::string::npos, labels > 16 && labels <= 100);
    EXPECT_NE(text.find("Most frequent confusions"), std::string::npos);
  }
}

TEST(Chart, APointThatIsNotFiniteInterruptsTheLine) {
  ChartSeries one{"loss", {{1, 2}, {2, 3}, {3, kNaN}, {4, 4}, {5, 1}}};
  std::string svg = renderLines({"loss", "step"}, std::span(&one, 1));
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  std::size_t first = svg.find("<polyline");
  EXPECT_NE(svg.find("<polyline", first + 1), std::string::npos);
  one.points = {{1, std::numeric_limits<double>::infinity()}};
  EXPECT_EQ(renderLines({"loss", "step"}, std::span(&one, 1)), "");
}

TEST(Chart, HugeAndEqualValuesHaveAxes) {
  for (double value : {0.0, 1e-300, -1e308, 1e308}) {
    ChartSeries one{"x", {{1, value}, {2, 1e308}, {3, -1e308}}};
    for (int points : {1, 3}) {
      ChartSeries some{"x", {one.points.begin(), one.points.begin() + points}};
      std::string svg = renderLines({"x", "step"}, std::span(&some, 1));
      EXPECT_EQ(svg.find("nan"), std::string::npos) << svg;
      EXPECT_EQ(svg.find("inf"), std::string::npos) << svg;
    }
  }
}

TEST(Chart, ManyPointsAreFewOnThePage) {
  ChartSeries one{"loss", {}};
  for (int i = 0; i < 100000; ++i)
    one.points.emplace_back(i, i == 54321 ? 100.0 : i % 7);
  std::string svg = renderLines({"loss", "step"}, std::span(&one, 1));
  EXPECT_LT(svg.size(), 20000u);
  EXPECT_NE(svg.find(",12.0 "), std::string::npos) << "the greatest value is at the top";
}

TEST(Chart, MeansHistogramsAndPoints) {
  std::vector<double> x, y;
  for (int i = 0; i < 100; ++i) {
    x.push_back(i);
    y.push_back(i < 50 ? 0 : 100);
  }
  EXPECT_NE(renderMeans({"t", "x"}, x, y).find("0–12: 0 (13)"), std::string::npos);
  EXPECT_EQ(renderMeans({"t", "x"}, {}, {}), "");
  EXPECT_NE(renderHistogram({"t", "x"}, x, y, "a", "b").find("class=\"s1\""),
            std::string::npos);
  EXPECT_EQ(renderHistogram({"t", "x"}, {kNaN}), "");
  EXPECT_NE(renderPoints({"t", "x"}, x, y).find("100 points"), std::string::npos);
}

TEST(Html, EscapesAndClips) {
  EXPECT_EQ(escapeHtml("a<b>&\"'\x01\xFF\xC2\x85"),
            "a&lt;b&gt;&amp;&quot;&#39; \xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(clipText("äöü", 2), "äö…");
  EXPECT_EQ(clipText("äöü", 3), "äöü");
  EXPECT_EQ(readableCount(1234567), "1,234,567");
  EXPECT_EQ(readableCount(-123), "-123");
  EXPECT_EQ(readableNumber(kNaN), "not a number");
}

TEST(Reproduce, ShellReadsBackWhatWasTyped) {
  EXPECT_EQ(shellQuote("--seed=4,2"), "--seed=4,2");
  EXPECT_EQ(shellQuote(""), "''");
  EXPECT_EQ(shellQuote("it's $HOME"), "'it'\\''s $HOME'");
  EXPECT_EQ(shellQuote("a\nb'\xFF"), "$'a\\x0ab\\x27\\xff'");
  EXPECT_EQ(shellQuote("ü"), "'ü'");
}

} // namespace
} // namespace ftc::rt
