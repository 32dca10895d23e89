// Text classification's other problems: which one data is, several labels, values, refusals.
#include "FakeTokenizer.h"

#include "runtime/tasks/Batch.h"
#include "runtime/tasks/MetricNames.h"
#include "runtime/tasks/Task.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <limits>

namespace ftc::rt {
namespace {

using Names = std::vector<std::string>;

const Task &text() { return **findTask("text-classification"); }

std::string problemOf(const DataTable &table, const ColumnFlags &flags = {}) {
  auto columns = text().findColumns(table, flags, true);
  EXPECT_TRUE(columns);
  auto task = text().forData(table, *columns);
  return task ? std::string((*task)->problemType()) : task.status().message();
}

std::string jsonl(std::initializer_list<const char *> labels) {
  std::string lines;
  for (const char *label : labels)
    lines += std::string("{\"text\":\"a b\",\"label\":") + label + "}\n";
  return lines;
}

std::string csv(std::initializer_list<const char *> labels) {
  std::string lines = "text,label\n";
  for (const char *label : labels)
    lines += std::string("a b,") + label + "\n";
  return lines;
}

TEST(TextProblems, TheLabelsDecide) {
  auto ofJson = [](std::initializer_list<const char *> labels) {
    return problemOf(tableOf("a.jsonl", jsonl(labels)));
  };
  auto ofCsv = [](std::initializer_list<const char *> labels) {
    return problemOf(tableOf("a.csv", csv(labels)));
  };
  EXPECT_EQ(ofJson({"\"x\"", "\"y\""}), kSingleLabel);
  EXPECT_EQ(ofJson({"1", "0"}), kSingleLabel);
  EXPECT_EQ(ofJson({"\"1.5\"", "\"2.5\""}), kSingleLabel); // strings stay strings
  EXPECT_EQ(ofJson({"1", "0.5"}), kRegression);
  EXPECT_EQ(ofJson({"1.5", "\"x\""}), kSingleLabel); // refused later, by its line
  EXPECT_EQ(ofJson({"18446744073709551615", "1"}), kSingleLabel); // above 64 signed bits
  EXPECT_EQ(ofJson({"-99999999999999999999", "1"}), kSingleLabel);
  EXPECT_EQ(ofJson({"[\"x\"]", "[]"}), kMultiLabel);
  EXPECT_EQ(ofJson({"[]", "[3, 4]"}), kMultiLabel);
  EXPECT_EQ(ofCsv({"x", "y"}), kSingleLabel);
  EXPECT_EQ(ofCsv({"1", "2"}), kSingleLabel);
  EXPECT_EQ(ofCsv({"1", "2.5"}), kRegression);
  EXPECT_EQ(ofCsv({"1e-3", "2"}), kRegression);
  EXPECT_EQ(ofCsv({"1.5", "nan"}), kRegression); // refused later, by its line
  EXPECT_EQ(ofCsv({"1.5", "x"}), kSingleLabel);
  EXPECT_EQ(ofCsv({"\"[\"\"x\"\"]\"", "[]"}), kMultiLabel);
  EXPECT_EQ(ofCsv({"[x]", "y"}), kSingleLabel);
  EXPECT_EQ(problemOf(tableOf("a.csv", csv({"x|y", "x"})), {.labelDelimiter = "|"}),
            kMultiLabel);
}

/// One cell among many would decide for all: it is refused, with what the others look like.
TEST(TextProblems, OddCellsAreRefused) {
  auto ofCsv = [](std::initializer_list<const char *> labels, const ColumnFlags &flags = {}) {
    return problemOf(tableOf("a.csv", csv(labels)), flags);
  };
  EXPECT_HAS(ofCsv({"0.5", "1", "high", "2.5"}),
             "a.csv: line 4: expected a number as label in column 'label', as in 3 other rows "
             "('0.5', '2.5', '1'), got 'high'; mend it, or give --do_regression false");
  EXPECT_HAS(ofCsv({"\"[\"\"x\"\"]\"", "[]", "x"}),
             "a.csv: line 4: expected a list of labels as label in column 'label', as in 2 other "
             "rows ('[\"x\"]', '[]'), got 'x'; mend it, or make it a list of one");
  EXPECT_HAS(ofCsv({"x", "\"[\"\"x\"\"]\"", "y"}),
             "a.csv: line 3: expected one label as label in column 'label', as in 2 other rows "
             "('x', 'y'), got '[\"x\"]'");
  std::string lines = "text,label\n", json;
  for (int row = 0; row < 40; ++row) {
    lines += row == 20 ? "a,1.5\n" : "a," + std::to_string(row % 2) + "\n";
    json += row == 3 ? R"({"text":"a","label":["x","y"]})"
                     : R"({"text":"a","label":"x"})";
    json += '\n';
  }
  EXPECT_HAS(problemOf(tableOf("a.csv", lines)),
             "a.csv: line 22: expected a whole number as label in column 'label', as in 39 other "
             "rows ('0', '1'), got '1.5'; mend it, or give --do_regression true");
  EXPECT_EQ(problemOf(tableOf("a.csv", lines), {.regression = true}), kRegression);
  EXPECT_HAS(problemOf(tableOf("a.jsonl", json)),
             "a.jsonl: line 4: expected one label as label in column 'label', as in 39 other rows "
             "('x', 'x'), got a list of 2");
  // Half wholes, half reals are ratings; a number among names is a name.
  EXPECT_EQ(ofCsv({"1", "2", "2.5"}), kRegression);
  EXPECT_EQ(ofCsv({"x", "y", "3.5"}), kSingleLabel);
  EXPECT_EQ(ofCsv({"1", "2", "other"}), kSingleLabel);
  EXPECT_EQ(ofCsv({"1", "2"}, {.regression = true}), kRegression);
  EXPECT_EQ(ofCsv({"0.5", "1", "high", "2.5"}, {.regression = false}), kSingleLabel);
  EXPECT_HAS(ofCsv({"x|y", "x"}, {.labelDelimiter = "|", .regression = true}),
             "--do_regression: the labels are several a text");
}

TEST(TextProblems, AreFoundByProblemType) {
  for (std::string_view problem : {kSingleLabel, kMultiLabel, kRegression}) {
    EXPECT_EQ(text().forProblem(problem)->problemType(), problem);
    EXPECT_EQ(text().forProblem(problem)->name(), "text-classification");
  }
  EXPECT_EQ(text().forProblem("")->problemType(), kSingleLabel);
  const Task &tokens = **findTask("token-classification");
  EXPECT_EQ(tokens.forProblem(kMultiLabel), &tokens);
}

struct Encoded {
  const Task *task = nullptr;
  DataTable table;
  TaskColumns columns;
  LabelSet labels;
  std::vector<Example> examples;
  std::string error;
};

Encoded encodeAll(std::string_view problem, DataTable table, const ColumnFlags &flags = {}) {
  Encoded all{text().forProblem(problem), std::move(table), {}, {}, {}, {}};
  all.columns = *all.task->findColumns(all.table, flags, true);
  Result<LabelSet> labels = all.task->collectLabels(all.table, all.columns, {});
  if (!labels) {
    all.error = labels.status().message();
    return all;
  }
  all.labels = *labels;
  auto encoded =
      encodeTable(*all.task, all.table, all.columns, all.labels, FakeTokenizer(), {});
  if (encoded)
    all.examples = std::move(encoded->examples);
  else
    all.error = encoded.status().message();
  return all;
}

TEST(MultiLabel, ListsAndTextsOfLists) {
  for (const DataTable &table :
       {tableOf("a.jsonl", jsonl({"[\"y\", \"x\"]", "[]", "[\"z\", \"z\"]"})),
        tableOf("a.csv", csv({"\"[\"\"y\"\", \"\"x\"\"]\"", "[]", "\"[\"\"z\"\"]\""}))}) {
    Encoded all = encodeAll(kMultiLabel, table);
    ASSERT_EQ(all.error, "");
    EXPECT_EQ(all.labels.names(), (Names{"x", "y", "z"}));
    ASSERT_EQ(all.examples.size(), 3u);
    EXPECT_EQ(all.examples[0].targets, (std::vector<float>{1, 1, 0}));
    EXPECT_EQ(all.examples[1].targets, (std::vector<float>{0, 0, 0}));
    EXPECT_EQ(all.examples[2].targets, (std::vector<float>{0, 0, 1}));
    EXPECT_EQ(all.examples[0].countedLabels(), 1);
    for (auto [row, stratum] : {std::pair(0, 1), std::pair(1, 0), std::pair(2, 3)})
      EXPECT_EQ(all.task->stratumOfRow(all.table, row, all.columns, all.labels), stratum);
  }
}

TEST(MultiLabel, IntegersSortAsNumbersAndDelimitersSplit) {
  EXPECT_EQ(
      encodeAll(kMultiLabel, tableOf("a.jsonl", jsonl({"[10, 9]", "[2]"}))).labels.names(),
      (Names{"2", "9", "10"}));
  Encoded all = encodeAll(kMultiLabel, tableOf("a.csv", csv({"b; a", "", "c;b"})),
                          {.labelDelimiter = ";"});
  ASSERT_EQ(all.error, "");
  EXPECT_EQ(all.labels.names(), (Names{"a", "b", "c"}));
  EXPECT_EQ(all.examples[0].targets, (std::vector<float>{1, 1, 0}));
  EXPECT_EQ(all.examples[1].targets, (std::vector<float>{0, 0, 0}));
  EXPECT_EQ(all.examples[2].targets, (std::vector<float>{0, 1, 1}));
}

TEST(MultiLabel, ColumnsOfIndicators) {
  const ColumnFlags flags{.labelColumnName = "mild,hot"};
  DataTable table = tableOf("a.csv", "text,hot,mild\na,1,0\nb,0.0,True\nc,false,0\n");
  EXPECT_EQ(problemOf(table, flags), kMultiLabel);
  Encoded all = encodeAll(kMultiLabel, table, flags);
  ASSERT_EQ(all.error, "");
  EXPECT_EQ(all.labels.names(), (Names{"mild", "hot"}));
  EXPECT_EQ(all.examples[0].targets, (std::vector<float>{0, 1}));
  EXPECT_EQ(all.examples[1].targets, (std::vector<float>{1, 0}));
  EXPECT_EQ(all.examples[2].targets, (std::vector<float>{0, 0}));
  auto error = [&](const char *name, const char *lines, const char *columns = "mild,hot") {
    return encodeAll(kMultiLabel, tableOf(name, lines), {.labelColumnName = columns}).error;
  };
  EXPECT_HAS(error("a.csv", "text,hot,mild\na,2,0\n"),
             "a.csv: line 2: expected 0 or 1 in column 'hot', got '2'");
  EXPECT_HAS(
      error("a.jsonl", "{\"text\":\"a\",\"hot\":1,\"mild\":0}\n{\"text\":\"a\",\"hot\":1}\n"),
      "a.jsonl: line 2: expected 0 or 1 in column 'mild', got nothing");
  EXPECT_HAS(error("a.jsonl", R"({"text":"a","hot":"1","mild":0})"), "got '1'");
  DataTable other = tableOf("b.csv", "text,hot,cold\na,1,0\n");
  auto columns = *all.task->findColumns(other, {.labelColumnName = "hot,cold"}, true);
  EXPECT_HAS(
      encodeTable(*all.task, other, columns, all.labels, FakeTokenizer(), {})
          .status()
          .message(),
      "b.csv: expected --label_column_name to name a column for each label and no other; "
      "the labels are 'mild', 'hot'");
  EXPECT_HAS(
      text().findColumns(table, {.labelColumnName = "hot,cold"}, true).status().message(),
      "expected a column 'cold' (--label_column_name)");
  EXPECT_HAS(text().findColumns(table, {.labelColumnName = "hot,hot"}, true).status().message(),
             "expected each column once, got 'hot' twice");
  // A column whose name has a comma is one column.
  EXPECT_EQ(problemOf(tableOf("a.csv", "text,\"a,b\"\nx,p\ny,q\n"), {.labelColumnName = "a,b"}),
            kSingleLabel);
}

TEST(MultiLabel, NamesColumnsOfAConllFileByTheirPlaces) {
  DataTable table = tableOf("a.conll", "EU\tB-ORG\n\nPeter\tB-PER\n");
  auto error = [&](const ColumnFlags &flags) {
    const Task &task = *text().forProblem(kMultiLabel);
    Result<TaskColumns> columns = task.findColumns(table, flags, true);
    return columns ? task.collectLabels(table, *columns, {}).status().message()
                   : columns.status().message();
  };
  ColumnFlags flags{.textColumnName = "tokens", .labelColumnName = "ner_tags"};
  flags.labelDelimiter = ",";
  EXPECT_HAS(error(flags), "a.conll: line 1: expected a text that --label_delimiter splits in the "
                           "last column, got a list of strings");
  flags = {.textColumnName = "tokens", .labelColumnName = "tokens,ner_tags"};
  EXPECT_HAS(error(flags),
             "a.conll: line 1: expected 0 or 1 in the first column, got a list of strings");
}

TEST(MultiLabel, RefusesBadLabels) {
  auto error = [](DataTable table, const ColumnFlags &flags = {}) {
    return encodeAll(kMultiLabel, std::move(table), flags).error;
  };
  EXPECT_HAS(
      error(tableOf("a.jsonl", jsonl({"[\"x\", \"y\"]", "\"x\""}))),
      "a.jsonl: line 2: expected a list of strings or of whole numbers in column 'label'");
  EXPECT_HAS(error(tableOf("a.jsonl", jsonl({"[\"x\", \"\"]"}))),
             "a.jsonl: line 1: expected labels in column 'label', got an empty one");
  EXPECT_HAS(error(tableOf("a.jsonl", jsonl({"[\"x\"]", "[]"}))),
             "expected at least two different labels in column 'label', got only 'x'");
  EXPECT_HAS(error(tableOf("a.csv", csv({"\"[\"\"x\"\"]\"", "['y']"}))),
             "a.csv: line 3: expected a JSON list of labels in column 'label', such as "
             "[\"a\", \"b\"], or --label_delimiter, got '[\\'y\\']'");
  // What a delimiter would split must be text: lists are taken apart without it.
  EXPECT_HAS(error(tableOf("a.jsonl", jsonl({"\"x,y\"", "[\"x\"]"})), {.labelDelimiter = ","}),
             "a.jsonl: line 2: expected a text that --label_delimiter splits in column 'label', "
             "got a list of strings; leave the flag out where labels are lists");
  EXPECT_HAS(error(tableOf("a.csv", csv({"\"[\"\"x\"\", \"\"y\"\"]\""})),
                   {.labelDelimiter = ","}),
             "a.csv: line 2: expected a text that --label_delimiter splits");
  DataTable columns = tableOf("a.csv", "text,hot,mild\na,1,0\n");
  EXPECT_HAS(text()
                 .findColumns(columns, {.labelColumnName = "hot,mild", .labelDelimiter = ","}, true)
                 .status()
                 .message(),
             "--label_delimiter: --label_column_name names several columns");
  EXPECT_HAS(error(tableOf("a.csv", csv({"a;;b"})), {.labelDelimiter = ";"}),
             "a.csv: line 2: expected labels in column 'label', got an empty one");
  Encoded all = encodeAll(kMultiLabel, tableOf("a.jsonl", jsonl({"[\"x\", \"y\"]"})));
  DataTable other = tableOf("b.jsonl", jsonl({"[\"x\"]", "[\"x\", \"w\"]"}));
  auto encoded = encodeTable(*all.task, other, all.columns, all.labels, FakeTokenizer(), {});
  EXPECT_HAS(encoded.status().message(),
             "b.jsonl: line 2: expected a known label, got 'w'; known labels: 'x', 'y'");
}

/// knowsLabels says of each row what encode does, in all three forms of several labels.
TEST(MultiLabel, KnowsLabelsWithoutEncoding) {
  struct Case {
    DataTable table;
    ColumnFlags flags;
  };
  const Case cases[] = {
      {tableOf("a.jsonl", jsonl({"[\"x\"]", "[]", "[\"w\"]", "\"x\"", "[[]]"})), {}},
      {tableOf("a.csv", csv({"\"[\"\"x\"\"]\"", "[]", "[w]", "x", ""})), {}},
      {tableOf("a.csv", csv({"x;y", "", "w", "x;;y", "x;w"})), {.labelDelimiter = ";"}},
      {tableOf("a.csv", "text,x,y\na,1,0\na,0,0\na,2,0\na,,1\na,x,1\n"),
       {.labelColumnName = "x,y"}},
  };
  const Task &task = *text().forProblem(kMultiLabel);
  LabelSet labels(Names{"x", "y"});
  for (const Case &one : cases) {
    TaskColumns columns = *task.findColumns(one.table, one.flags, true);
    ASSERT_EQ(one.table.rows(), 5);
    for (std::int64_t row = 0; row < 5; ++row) {
      EXPECT_EQ(task.knowsLabels(one.table, row, columns, labels), row < 2) << row;
      EXPECT_EQ(task.encode(one.table, row, columns, labels, FakeTokenizer(), {}).isOk(),
                row < 2)
          << row;
    }
  }
  DataTable single = tableOf("a.jsonl", jsonl({"\"x\"", "[]", "\"w\"", "1.5"}));
  TaskColumns columns = *text().findColumns(single, {}, true);
  for (std::int64_t row = 0; row < 4; ++row)
    EXPECT_EQ(text().knowsLabels(single, row, columns, labels), row == 0) << row;
}

TEST(Regression, NumbersOfBothKinds) {
  for (const DataTable &table : {tableOf("a.jsonl", jsonl({"1", "-0.25", "3e2"})),
                                 tableOf("a.csv", csv({"1", "-0.25", "3e2"}))}) {
    Encoded all = encodeAll(kRegression, table);
    ASSERT_EQ(all.error, "");
    EXPECT_EQ(all.labels.size(), 0);
    EXPECT_EQ(all.task->outputWidth(all.labels), 1);
    EXPECT_EQ(all.examples[1].targets, (std::vector<float>{-0.25f}));
    EXPECT_EQ(all.examples[2].targets, (std::vector<float>{300.0f}));
    EXPECT_TRUE(all.task->checkTable(all.table, all.columns, {}));
  }
}

TEST(Regression, RefusesWhatIsNoNumber) {
  auto error = [](DataTable table) { return encodeAll(kRegression, std::move(table)).error; };
  EXPECT_HAS(error(tableOf("a.csv", csv({"1.5", "nan"}))),
             "a.csv: line 3: expected a finite number as label in column 'label', got 'nan'");
  EXPECT_HAS(error(tableOf("a.csv", csv({"1.5", ""}))), "line 3: expected a finite number");
  EXPECT_HAS(error(tableOf("a.csv", csv({"1e39"}))), "expected a finite number");
  EXPECT_HAS(error(tableOf("a.jsonl", jsonl({"1.5", "\"2\""}))),
             "a.jsonl: line 2: expected a number as label in column 'label', got a string");
  EXPECT_HAS(error(tableOf("a.jsonl", jsonl({"1.5", "null"}))), "line 2: expected a number");
  const Task &task = *text().forProblem(kRegression);
  DataTable table = tableOf("a.csv", csv({"1.5", "x"}));
  EXPECT_HAS(task.checkTable(table, *task.findColumns(table, {}, true), {}).message(),
             "a.csv: line 3: expected a finite number");
}

std::vector<nlohmann::json> parsed(const std::string &lines) {
  std::istringstream stream(lines);
  std::vector<nlohmann::json> rows;
  for (std::string line; std::getline(stream, line);)
    rows.push_back(nlohmann::json::parse(line));
  return rows;
}

double metric(const Metrics &metrics, std::string_view name) {
  for (const auto &[known, value] : metrics)
    if (known == name)
      return value;
  ADD_FAILURE() << "no metric " << name;
  return 0;
}

TEST(MultiLabel, MetricsAndPredictions) {
  Encoded all =
      encodeAll(kMultiLabel, tableOf("a.jsonl", jsonl({"[\"x\", \"y\"]", "[\"y\"]", "[]"})));
  auto outputs = all.task->makeOutputs({all.examples, all.labels, all.table, all.columns, {}});
  std::vector<float> logits = {2, -1, 0, 3, -4, -5};
  ASSERT_TRUE(outputs->add(std::span(logits).first(2), 2, std::vector<OutputRow>{{0, -1}}));
  EXPECT_HAS(outputs->metrics().status().message(), "no output for the example of line 2");
  ASSERT_TRUE(
      outputs->add(std::span(logits).subspan(2), 2, std::vector<OutputRow>{{1, -1}, {2, -1}}));
  auto metrics = outputs->metrics();
  ASSERT_TRUE(metrics);
  // A logit of 0 is no label; x is found, y once of twice.
  EXPECT_NEAR(metric(*metrics, "f1"), 0.8, 1e-12);
  EXPECT_NEAR(metric(*metrics, "f1_macro"), (1 + 2.0 / 3) / 2, 1e-12);
  EXPECT_NEAR(metric(*metrics, "accuracy"), 2.0 / 3, 1e-12);
  EXPECT_NEAR(metric(*metrics, "baseline_accuracy"), 1.0 / 3, 1e-12);
  EXPECT_NEAR(metric(*metrics, "baseline_f1"), 2 * (2.0 / 3) * (2.0 / 3) / (4.0 / 3), 1e-12);
  EXPECT_HAS(*outputs->report(), "micro F1 0.8000");
  auto rows = parsed(*outputs->predictionLines(all.table, all.columns));
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0]["labels"], nlohmann::json({"x"}));
  EXPECT_NEAR(rows[0]["scores"]["y"].get<double>(), 1 / (1 + std::exp(1.0)), 1e-7);
  EXPECT_EQ(rows[2]["labels"], nlohmann::json::array());
  logits[0] = std::numeric_limits<float>::infinity();
  EXPECT_HAS(
      outputs->add(std::span(logits).first(2), 2, std::vector<OutputRow>{{0, -1}}).message(),
      "line 1 is not finite");
}

TEST(Regression, MetricsAndPredictions) {
  Encoded all = encodeAll(kRegression, tableOf("a.csv", csv({"1.5", "2", "4"})));
  auto outputs = all.task->makeOutputs({all.examples, all.labels, all.table, all.columns, {}});
  std::vector<float> logits = {1, 2, 5};
  std::vector<OutputRow> rows = {{0, -1}, {1, -1}, {2, -1}};
  EXPECT_HAS(outputs->add(logits, 3, std::vector<OutputRow>{{0, -1}}).message(),
             "expected 1 rows of 1 logits");
  ASSERT_TRUE(outputs->add(logits, 1, rows));
  auto metrics = outputs->metrics();
  EXPECT_NEAR(metric(*metrics, "mse"), (0.25 + 0 + 1) / 3, 1e-12);
  EXPECT_NEAR(metric(*metrics, "baseline_mse"), 1.1666666666666667, 1e-12);
  EXPECT_NEAR(metric(*metrics, "spearmanr"), 1, 1e-12);
  EXPECT_EQ(metric(*metrics, "combined_score"),
            (metric(*metrics, "pearson") + metric(*metrics, "spearmanr")) / 2);
  EXPECT_EQ(*outputs->predictionLines(all.table, all.columns),
            "{\"score\": 1.0}\n{\"score\": 2.0}\n{\"score\": 5.0}\n");
}

TEST(TextProblems, MetricNamesAreKnownBeforehand) {
  LabelSet labels(Names{"x", "y"});
  EXPECT_EQ(metricNames(*text().forProblem(kMultiLabel), labels, {}),
            (Names{"accuracy", "f1", "f1_macro", "baseline_accuracy", "baseline_f1"}));
  EXPECT_EQ(metricNames(*text().forProblem(kRegression), {}, {}),
            (Names{"mse", "pearson", "spearmanr", "combined_score", "baseline_mse"}));
}

TEST(TextProblems, BatchesCarryTargets) {
  Encoded all =
      encodeAll(kMultiLabel, tableOf("a.jsonl", jsonl({"[\"x\"]", "[\"x\", \"y\"]"})));
  BatchLayout layout;
  layout.targetWidth = 2;
  auto batch = Batch::make({64, 4, 0}, layout);
  ASSERT_TRUE(batch);
  std::vector<const Example *> list = {&all.examples[1], &all.examples[0]};
  ASSERT_TRUE(batch->pack(list, 0));
  auto targets = batch->floats("targets");
  ASSERT_TRUE(targets);
  EXPECT_EQ(std::vector<float>(targets->begin(), targets->end()),
            (std::vector<float>{1, 1, 1, 0}));
  EXPECT_FALSE(batch->floats("labels"));
  // Without labels, as for predictions: zeros, whatever stood there before.
  std::vector<Example> bare;
  ASSERT_TRUE(
      all.task->encodeForPrediction(all.table, 0, all.columns, FakeTokenizer(), {}, bare));
  list[0] = &bare[0];
  ASSERT_TRUE(batch->pack(list, 0));
  targets = batch->floats("targets");
  EXPECT_EQ(std::vector<float>(targets->begin(), targets->end()),
            (std::vector<float>{0, 0, 1, 0}));
  all.examples[0].targets.pop_back();
  EXPECT_HAS(batch->pack(list, 0).message(), "expected 2 targets, got 1");
  EXPECT_FALSE((*Batch::make({64, 4, 0}, BatchLayout())).floats("targets"));
}

} // namespace
} // namespace ftc::rt
