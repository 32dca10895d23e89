// Text generation: the forms of a row, which tokens count, the end of text, the cut, refusals.
#include "FakeTokenizer.h"

#include "runtime/tasks/Task.h"

#include <cmath>

namespace ftc::rt {
namespace {

const Task &task() { return **findTask("text-generation"); }

Example encode(const DataTable &table, std::int64_t row, std::int32_t maxLength,
               std::int32_t end) {
  auto columns = task().findColumns(table, {}, true);
  EXPECT_TRUE(columns) << columns.status().message();
  EncodeSettings settings;
  settings.maxSeqLength = maxLength;
  settings.endOfText = end;
  auto example = task().encode(table, row, *columns, LabelSet(), FakeTokenizer(), settings);
  EXPECT_TRUE(example) << example.status().message();
  return example ? example.take() : Example();
}

using Ids = std::vector<std::int32_t>;
const std::int32_t A = FakeTokenizer::idOf("a"), B = FakeTokenizer::idOf("b"),
                   C = FakeTokenizer::idOf("c");

TEST(TextGeneration, EveryTokenButTheFirstIsALabel) {
  DataTable table = tableOf("a.jsonl", "{\"text\": \"a b\"}\n");
  Example example = encode(table, 0, 0, 7);
  EXPECT_EQ(example.ids, (Ids{1, A, B, 2, 7}));
  EXPECT_EQ(example.labels, (Ids{A, B, 2, 7, kIgnoredLabel}));
  EXPECT_EQ(example.countedLabels(), 4);
  EXPECT_EQ(example.typeIds.size(), example.ids.size());
}

TEST(TextGeneration, TheEndIsNotDoubledAndMayBeMissing) {
  DataTable table = tableOf("a.jsonl", "{\"text\": \"a\"}\n{\"text\": \"\"}\n");
  EXPECT_EQ(encode(table, 0, 0, 2).ids, (Ids{1, A, 2}));
  EXPECT_EQ(encode(table, 0, 0, -1).ids, (Ids{1, A, 2}));
  EXPECT_EQ(encode(table, 1, 0, 7).labels, (Ids{2, 7, kIgnoredLabel}));
}

TEST(TextGeneration, ThePromptCountsNothing) {
  DataTable table = tableOf("a.jsonl", "{\"prompt\": \"a\", \"completion\": \"b c\"}\n");
  Example example = encode(table, 0, 0, 7);
  EXPECT_EQ(example.ids, (Ids{1, A, 2, B, C, 7}));
  EXPECT_EQ(example.labels, (Ids{kIgnoredLabel, kIgnoredLabel, B, C, 7, kIgnoredLabel}));
  // An empty completion still learns to end.
  table = tableOf("a.jsonl", "{\"prompt\": \"a\", \"completion\": \"\"}\n");
  EXPECT_EQ(encode(table, 0, 0, 7).labels,
            (Ids{kIgnoredLabel, kIgnoredLabel, 7, kIgnoredLabel}));
}

TEST(TextGeneration, TheCutComesBehindTheEndOfText) {
  DataTable table = tableOf("a.jsonl", "{\"text\": \"a b c\"}\n");
  Example example = encode(table, 0, 4, 7);
  EXPECT_EQ(example.ids, (Ids{1, A, B, C}));
  EXPECT_EQ(example.labels, (Ids{A, B, C, kIgnoredLabel}));
  EXPECT_EQ(example.truncated, 2);
  // A prompt that fills everything leaves nothing to learn.
  table = tableOf("a.jsonl", "{\"prompt\": \"a b c\", \"completion\": \"b\"}\n");
  EXPECT_EQ(encode(table, 0, 4, 7).countedLabels(), 0);
}

TEST(TextGeneration, SaysWhatIsWrongWithAFile) {
  auto message = [](const char *text) {
    DataTable table = tableOf("a.jsonl", text);
    auto columns = task().findColumns(table, {}, true);
    if (!columns)
      return columns.status().message();
    return task().checkTable(table, *columns, {}).message();
  };
  EXPECT_HAS(message("{\"prompt\": \"a\"}\n"), "completion");
  EXPECT_HAS(message("{\"other\": \"a\"}\n"), "'other'");
  EXPECT_HAS(message("{\"text\": \"a\"}\n{\"text\": 4}\n"), "line 2");
  EXPECT_HAS(message("{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}\n"),
             "line 1: expected a turn of the assistant");
  EXPECT_HAS(message("{\"messages\": [{\"role\": \"assistant\", \"content\": \"a\"}]}\n"),
             "the model has no chat template");
  EXPECT_EQ(message("{\"text\": \"a\"}\n"), "");
  EXPECT_HAS(task()
                 .findColumns(tableOf("a.csv", "text\nx\n"), {.labelColumnName = "y"}, true)
                 .status()
                 .message(),
             "--label_column_name");
  EXPECT_EQ(task().labelsFromNames({"a", "b"}, {}).status().code(), Code::Usage);
}

TEST(TextGeneration, PerplexityIsTheExponentialOfTheMeanLoss) {
  DataTable table = tableOf("a.jsonl", "{\"text\": \"a\"}\n");
  LabelSet labels;
  auto outputs = task().makeOutputs({{}, labels, table});
  outputs->takeLoss(3, 4);
  outputs->takeLoss(5, 2);
  auto metrics = outputs->metrics();
  ASSERT_TRUE(metrics);
  EXPECT_EQ((*metrics)[0].first, "perplexity");
  EXPECT_DOUBLE_EQ((*metrics)[0].second, std::exp(8.0 / 6));
  EXPECT_FALSE(outputs->add({}, 0, {}));
}

/// The prompt of a file's first row, cut to so many tokens (0: never).
Result<Example> promptOf(const char *row, std::int32_t most) {
  DataTable table = tableOf("a.jsonl", row);
  auto columns = task().findColumns(table, {}, false);
  EXPECT_TRUE(columns) << columns.status().message();
  EncodeSettings settings;
  settings.maxPromptLength = most;
  settings.maxSeqLength = 2; // does not concern prompts
  std::vector<Example> prompts;
  FTC_RETURN_IF_ERROR(
      task().encodeForPrediction(table, 0, *columns, FakeTokenizer(), settings, prompts));
  EXPECT_EQ(prompts.size(), 1u);
  return prompts.at(0);
}

TEST(TextGeneration, APromptIsThePromptAlone) {
  for (const char *row : {"{\"prompt\": \"a b\", \"completion\": \"c\"}\n",
                          "{\"prompt\": \"a b\"}\n", "{\"text\": \"a b\"}\n"}) {
    auto prompt = promptOf(row, 0);
    ASSERT_TRUE(prompt);
    EXPECT_EQ(prompt->ids, (Ids{1, A, B, 2}));
    EXPECT_EQ(prompt->countedLabels(), 0);
    EXPECT_EQ(prompt->labels.size(), 4u);
    EXPECT_EQ(prompt->truncated, 0);
  }
}

TEST(TextGeneration, ALongPromptKeepsItsEnd) {
  auto prompt = promptOf("{\"text\": \"a b a a c\"}\n", 5);
  ASSERT_TRUE(prompt);
  EXPECT_EQ(prompt->ids, (Ids{1, A, A, C, 2}));
  EXPECT_EQ(prompt->truncated, 2);
  EXPECT_EQ(prompt->typeIds.size(), 5u);
}

TEST(TextGeneration, WrittenTextsAreLines) {
  DataTable table = tableOf("a.jsonl", "{\"text\": \"a\"}\n{\"text\": \"b\"}\n");
  LabelSet labels;
  auto outputs = task().makeOutputs({{}, labels, table});
  outputs->takeTexts({{" two\nlines \n", {3, 4}}, {"", {}}}, false);
  EXPECT_EQ(*outputs->predictionLines(table, {}),
            "{\"text\":\" two\\nlines \\n\"}\n{\"text\":\"\"}\n");
  EXPECT_EQ(*outputs->predictionsText(table, {}), "two lines\n");
  outputs->takeTexts({{"x", {3, 4}}}, true);
  EXPECT_EQ(*outputs->predictionLines(table, {}), "{\"text\":\"x\",\"ids\":[3,4]}\n");
}

} // namespace
} // namespace ftc::rt
