// Text classification: columns, label order, encoding, metrics, predictions, refusals.
#include "FakeTokenizer.h"

#include "runtime/tasks/Batch.h"
#include "runtime/tasks/Task.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <limits>

namespace ftc::rt {
namespace {

using Names = std::vector<std::string>;

const Task &task() { return **findTask("text-classification"); }

std::string columnsError(const DataTable &table, const ColumnFlags &flags) {
  return task().findColumns(table, flags, true).status().message();
}

Result<LabelSet> labelsOf(const DataTable &table) {
  FTC_ASSIGN_OR_RETURN(TaskColumns columns, task().findColumns(table, {}, true));
  return task().collectLabels(table, columns, {});
}

TEST(TaskRegistry, FindsTasksByName) {
  EXPECT_EQ(taskNames(),
            (std::vector<std::string_view>{"text-classification", "token-classification",
                                           "question-answering", "text-generation",
                                           "summarization", "translation"}));
  EXPECT_EQ((*findTask("token-classification"))->name(), "token-classification");
  Result<const Task *> none = findTask("poetry");
  EXPECT_EQ(none.status().code(), Code::Usage);
  EXPECT_HAS(none.status().message(), "--task: expected one of 'text-classification'");
}

TEST(TextClassification, FindsUsualColumns) {
  auto columns = task().findColumns(tableOf("a.csv", "label,text\nx,y\n"), {}, true);
  ASSERT_TRUE(columns);
  EXPECT_EQ(columns->text, 1);
  EXPECT_EQ(columns->pair, -1);
  EXPECT_EQ(columns->label, 0);
  columns =
      task().findColumns(tableOf("a.csv", "sentence1,sentence2,label\nx,y,z\n"), {}, true);
  ASSERT_TRUE(columns);
  EXPECT_EQ(columns->text, 0);
  EXPECT_EQ(columns->pair, 1);
  columns = task().findColumns(tableOf("a.csv", "text\nx\n"), {}, false);
  ASSERT_TRUE(columns);
  EXPECT_EQ(columns->label, -1);
}

TEST(TextClassification, WholeNumbersOfAnySizeAreClassesInOrder) {
  for (const char *name : {"a.jsonl", "a.csv"}) {
    std::string text = name == std::string("a.csv") ? "text,label\n" : "";
    for (const char *label : {"18446744073709551615", "9", "9223372036854775808", "-3",
                              "-99999999999999999999", "10"})
      text += text.starts_with("text")
                  ? std::string("x,") + label + "\n"
                  : std::string("{\"text\": \"x\", \"label\": ") + label + "}\n";
    Result<LabelSet> labels = labelsOf(tableOf(name, text));
    ASSERT_TRUE(labels) << labels.status().message();
    EXPECT_EQ(labels->names(), (Names{"-99999999999999999999", "-3", "9", "10",
                                      "9223372036854775808", "18446744073709551615"}));
  }
}

TEST(TextClassification, ASplitReadsTheLabelAlone) {
  DataTable table = tableOf("a.csv", "text,label\na,y\nb,x\n");
  TaskColumns columns = *task().findColumns(table, {}, true);
  LabelSet labels = *task().collectLabels(table, columns, {});
  EXPECT_EQ(task().stratumOfRow(table, 0, columns, labels), 1);
  EXPECT_EQ(task().stratumOfRow(table, 1, columns, labels), 0);
}

TEST(TextClassification, FlagsWin) {
  DataTable table = tableOf("a.csv", "text,category,more\nx,y,z\n");
  auto columns = task().findColumns(table, {.labelColumnName = "category"}, true);
  ASSERT_TRUE(columns);
  EXPECT_EQ(columns->label, 1);
  columns = task().findColumns(
      table, {.labelColumnName = "category", .sentence1Key = "more", .sentence2Key = "text"},
      true);
  ASSERT_TRUE(columns);
  EXPECT_EQ(columns->text, 2);
  EXPECT_EQ(columns->pair, 0);
  EXPECT_EQ(task()
                .findColumns(table, {.textColumnName = "text", .sentence1Key = "more"}, true)
                .status()
                .code(),
            Code::Usage);
}

TEST(TextClassification, MissingColumnsListThosePresent) {
  DataTable table = tableOf("d.csv", "text,category\nx,y\n");
  EXPECT_HAS(columnsError(table, {}),
             "d.csv: expected a column 'label' (or name one with --label_column_name), got the "
             "columns 'text', 'category'");
  EXPECT_HAS(columnsError(table, {.labelColumnName = "cat"}),
             "expected a column 'cat' (--label_column_name), got the columns 'text', "
             "'category'; the first line must be the header");
  EXPECT_HAS(columnsError(table, {.textColumnName = "txt"}), "'txt' (--text_column_name)");
  EXPECT_HAS(columnsError(table, {.sentence2Key = "b"}), "'b' (--sentence2_key)");
  EXPECT_HAS(columnsError(tableOf("d.tsv", "ham\thello\nspam\twin\n"), {}),
             "got the columns 'ham', 'hello'; the first line must be the header");
  EXPECT_HAS(columnsError(tableOf("d.txt", "a\tO\nb\tO\n"), {}),
             "got those of a CoNLL file, 'tokens' (the first) and 'ner_tags' (the last)");
  std::string header = "c0", row = "0";
  for (int i = 1; i < 300; ++i) {
    header += ",a column with a long name " + std::to_string(i);
    row += ",1";
  }
  std::string message = columnsError(tableOf("d.csv", header + "\n" + row + "\n"), {});
  EXPECT_HAS(message, "and 292 more");
  EXPECT_LE(message.size(), 500u);
}

TEST(TextClassification, LabelsAreSorted) {
  auto names = [](const char *name, const char *text) {
    Result<LabelSet> labels = labelsOf(tableOf(name, text));
    return labels ? labels->names() : Names{labels.status().message()};
  };
  EXPECT_EQ(names("a.csv", "text,label\na,10\nb,9\nc,-1\nd,9\n"), (Names{"-1", "9", "10"}));
  EXPECT_EQ(names("a.csv", "text,label\na,10\nb,9\nc,x\n"), (Names{"10", "9", "x"}));
  EXPECT_EQ(names("a.csv", "text,label\na,01\nb,1\n"), (Names{"01", "1"}));
  EXPECT_EQ(names("a.csv", "text,label\na,é\nb,z\nc,Z\n"), (Names{"Z", "z", "é"}));
  EXPECT_EQ(names("a.jsonl", "{\"text\":\"a\",\"label\":10}\n{\"text\":\"a\",\"label\":9}\n"),
            (Names{"9", "10"}));
  EXPECT_EQ(
      names("a.jsonl", "{\"text\":\"a\",\"label\":\"10\"}\n{\"text\":\"a\",\"label\":\"9\"}\n"),
      (Names{"10", "9"}));
  EXPECT_EQ(
      names("a.jsonl", "{\"text\":\"a\",\"label\":true}\n{\"text\":\"a\",\"label\":false}\n"),
      (Names{"false", "true"}));
  EXPECT_EQ(labelsOf(tableOf("a.csv", "text,label\na,b\nc,a\n"))->find("b"), 1);
  EXPECT_EQ(labelsOf(tableOf("a.csv", "text,label\na,b\nc,a\n"))->find("c"), -1);
}

TEST(TextClassification, RefusesBadLabels) {
  auto error = [](const char *name, const char *text) {
    return labelsOf(tableOf(name, text)).status().message();
  };
  EXPECT_HAS(error("d.csv", "text,label\na,x\nb,x\n"),
             "d.csv: expected at least two different labels in column 'label', got only 'x'");
  EXPECT_HAS(error("d.csv", "text,label\na,x\nb,\n"), "d.csv: line 3: expected a label");
  EXPECT_HAS(error("d.csv", "text,label\na,1.5\nb,2\n"), "got real numbers such as '1.5'");
  EXPECT_HAS(error("d.jsonl", "{\"text\":\"a\",\"label\":0.5}\n"),
             "d.jsonl: line 1: expected a string or a whole number as label in column 'label', "
             "got the real number '0.5': the artifact was compiled for classes");
  EXPECT_HAS(error("d.jsonl", "{\"text\":\"a\",\"label\":1}\n{\"text\":\"b\"}\n"),
             "d.jsonl: line 2: expected a string or a whole number as label in column 'label', "
             "got nothing");
  EXPECT_HAS(error("d.jsonl", "{\"text\":\"a\",\"label\":[1]}\n"),
             "got a list of whole numbers");
}

TEST(TextClassification, LabelsByName) {
  auto names = [](const Task &task, Names given, Names checkpoint = {}) {
    Result<LabelSet> labels = task.labelsFromNames(std::move(given), checkpoint);
    return labels ? labels->names() : Names{labels.status().message()};
  };
  const Task &token = **findTask("token-classification");
  EXPECT_EQ(names(task(), {"10", "9"}), (Names{"9", "10"}));
  EXPECT_EQ(names(task(), {"b", "a"}, {"b", "a"}), (Names{"a", "b"}));
  EXPECT_EQ(names(token, {"O", "B-X"}, {"O", "B-X"}), (Names{"O", "B-X"}));
  EXPECT_EQ(names(token, {"O", "B-X"}, {"O", "B-Y"}), (Names{"B-X", "O"}));
  EXPECT_HAS(names(task(), {"a"})[0], "--labels: expected at least two labels, got 'a'");
  EXPECT_HAS(names(task(), {"a", ""})[0], "got an empty one");
  EXPECT_HAS(names(task(), {"a", "b", "a"})[0], "got 'a' twice");
  EXPECT_EQ(task().labelsFromNames({"a"}, {}).status().code(), Code::Usage);
}

TEST(TextClassification, EncodesCutsAndCounts) {
  DataTable table = tableOf("a.csv", "text,label\none three,b\n\"\",a\na b c d e f g,b\n");
  TaskColumns columns = task().findColumns(table, {}, true).take();
  LabelSet labels = task().collectLabels(table, columns, {}).take();
  FakeTokenizer tokenizer;
  auto encoded = encodeTable(task(), table, columns, labels, tokenizer, {.maxSeqLength = 5});
  ASSERT_TRUE(encoded) << encoded.status().message();
  ASSERT_EQ(encoded->examples.size(), 3u);
  EXPECT_EQ(encoded->examples[0].ids.size(), 5u);
  EXPECT_EQ(encoded->examples[0].labels, (std::vector<std::int32_t>{1}));
  EXPECT_EQ(encoded->examples[1].ids, (std::vector<std::int32_t>{1, 2}));
  EXPECT_EQ(encoded->examples[1].line, 3);
  EXPECT_EQ(encoded->examples[2].truncated, 4);
  EXPECT_EQ(encoded->cuts.examples, 1);
  EXPECT_EQ(encoded->cuts.tokens, 4);
  EXPECT_EQ(encoded->longest, 5);
  TokenStatistics measured = measureTokens(task(), table, columns, tokenizer).take();
  EXPECT_EQ(measured.lengths, (std::vector<std::int64_t>{5, 2, 9}));
  // The ids of rows 0 and 2 at their first positions, whichever row comes first.
  for (std::int64_t row : {0, 1, 2}) {
    std::vector<std::int32_t> ids = encodeTable(task(), table, columns, labels, tokenizer, {}, 3)
                                        ->examples[row]
                                        .ids;
    for (std::size_t at = 0; at < ids.size(); ++at)
      EXPECT_LE(measured.earliest[ids[at]], static_cast<std::int32_t>(at));
  }
  EXPECT_EQ(measured.earliest[0], TokenStatistics::kNowhere); // no text has id 0
  EXPECT_EQ(encodeTable(task(), table, columns, labels, tokenizer, {}, 2)->examples.size(), 2u);
}

TEST(TextClassification, EncodesPairs) {
  DataTable table = tableOf("a.csv", "sentence1,sentence2,label\na b,c,x\nd,e,y\n");
  TaskColumns columns = task().findColumns(table, {}, true).take();
  LabelSet labels = task().collectLabels(table, columns, {}).take();
  auto example = task().encode(table, 0, columns, labels, FakeTokenizer(), {});
  ASSERT_TRUE(example);
  EXPECT_EQ(example->typeIds, (std::vector<std::int32_t>{0, 0, 0, 0, 1, 1}));
}

TEST(TextClassification, RefusesUnknownLabelsWithLineAndKnownOnes) {
  DataTable train = tableOf("t.csv", "text,label\na,x\nb,y\n");
  DataTable other = tableOf("v.csv", "text,label\na,x\nb,z\n");
  TaskColumns columns = task().findColumns(train, {}, true).take();
  LabelSet labels = task().collectLabels(train, columns, {}).take();
  auto encoded = encodeTable(task(), other, columns, labels, FakeTokenizer(), {});
  EXPECT_EQ(encoded.status().message(),
            "v.csv: line 3: expected a known label, got 'z'; known labels: "
            "'x', 'y'");
  auto forPrediction =
      encodeTableForPrediction(task(), other, columns, FakeTokenizer(), {});
  ASSERT_TRUE(forPrediction);
  EXPECT_EQ(forPrediction->examples[1].labels, (std::vector<std::int32_t>{0}));
}

TEST(TextClassification, RefusesTextThatIsNone) {
  DataTable table = tableOf("d.jsonl", "{\"text\":\"a\",\"label\":1}\n"
                                       "{\"text\":7,\"label\":2}\n"
                                       "{\"text\":\"bad\",\"label\":2}\n");
  TaskColumns columns = task().findColumns(table, {}, true).take();
  LabelSet labels = task().collectLabels(table, columns, {}).take();
  EXPECT_HAS(task().encode(table, 1, columns, labels, FakeTokenizer(), {}).status().message(),
             "d.jsonl: line 2: expected a string in column 'text', got a whole number");
  EXPECT_HAS(task().encode(table, 2, columns, labels, FakeTokenizer(), {}).status().message(),
             "d.jsonl: line 3: expected UTF-8");
}

struct EvalRun {
  std::vector<Example> examples;
  LabelSet labels;
  std::unique_ptr<TaskOutputs> outputs;
};

EvalRun runOf(std::vector<std::int32_t> truth, Names names) {
  EvalRun run;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    Example example;
    example.ids = example.typeIds = {1, 2};
    example.labels = {truth[i]};
    example.row = static_cast<std::int64_t>(i);
    example.line = static_cast<std::int64_t>(i) + 2;
    run.examples.push_back(example);
  }
  run.labels = LabelSet(std::move(names));
  run.outputs = task().makeOutputs({run.examples, run.labels, DataTable()});
  return run;
}

double metric(const Metrics &metrics, std::string_view name) {
  for (const auto &[known, value] : metrics)
    if (known == name)
      return value;
  ADD_FAILURE() << "no metric " << name;
  return 0;
}

TEST(TextClassification, MetricsAndPredictions) {
  EvalRun run = runOf({0, 1, 1, 1}, {"ham", "sp\"am"});
  // Two parts, out of order; example 2 is wrong.
  std::vector<float> first = {1, -1, 0, 3}, second = {2, 1, -4, 4};
  ASSERT_TRUE(run.outputs->add(first, 2, std::vector<OutputRow>{{2, -1}, {1, -1}}));
  EXPECT_HAS(run.outputs->metrics().status().message(), "no output for the example of line 2");
  ASSERT_TRUE(run.outputs->add(second, 2, std::vector<OutputRow>{{0, -1}, {3, -1}}));
  auto metrics = run.outputs->metrics();
  ASSERT_TRUE(metrics);
  EXPECT_DOUBLE_EQ(metric(*metrics, "accuracy"), 0.75);
  EXPECT_DOUBLE_EQ(metric(*metrics, "f1"), 0.8);
  EXPECT_NEAR(metric(*metrics, "f1_macro"), (0.8 + 2.0 / 3) / 2, 1e-12);
  EXPECT_DOUBLE_EQ(metric(*metrics, "f1_micro"), 0.75);
  EXPECT_NEAR(metric(*metrics, "matthews_correlation"), 1 / std::sqrt(3.0), 1e-12);
  EXPECT_DOUBLE_EQ(metric(*metrics, "baseline_accuracy"), 0.75);
  EXPECT_HAS(*run.outputs->report(), "1 times 'sp\"am' was taken for 'ham'");
  DataTable table = tableOf("a.csv", "text\na\nb\nc\nd\n");
  std::string lines = *run.outputs->predictionLines(table, {.text = 0});
  std::istringstream stream(lines);
  std::vector<nlohmann::json> parsed;
  for (std::string line; std::getline(stream, line);)
    parsed.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(parsed.size(), 4u);
  EXPECT_EQ(parsed[1]["label"], "sp\"am");
  EXPECT_NEAR(parsed[1]["score"].get<double>(), 1 / (1 + std::exp(-3.0)), 1e-6);
  EXPECT_EQ(parsed[2]["label"], "ham");
  EXPECT_EQ(*run.outputs->predictionsText(table, {}), "");
}

TEST(TextClassification, MacroF1WithMoreClasses) {
  EvalRun run = runOf({0, 1, 2}, {"a", "b", "c"});
  std::vector<float> logits = {9, 0, 0, 0, 9, 0, 9, 0, 0};
  ASSERT_TRUE(run.outputs->add(logits, 3, std::vector<OutputRow>{{0, -1}, {1, -1}, {2, -1}}));
  auto metrics = run.outputs->metrics();
  EXPECT_NEAR(metric(*metrics, "f1"), (2.0 / 3 + 1 + 0) / 3, 1e-12);
}

TEST(TextClassification, RefusesBadOutputs) {
  EvalRun run = runOf({0, 1}, {"a", "b"});
  std::vector<float> logits = {1, 2};
  auto error = [&](std::int64_t classes, OutputRow row) {
    return run.outputs->add(logits, classes, std::vector<OutputRow>{row}).message();
  };
  EXPECT_HAS(error(3, {0, -1}), "expected 1 rows of 2 logits");
  EXPECT_HAS(error(2, {2, -1}), "got one for example 2");
  EXPECT_HAS(error(2, {-1, -1}), "got one for example -1");
  logits[1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_HAS(error(2, {1, -1}), "line 3 is not finite");
}

} // namespace
} // namespace ftc::rt
