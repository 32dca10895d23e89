// Summarization and translation: labels and the decoder's inputs, both cuts, prefixes, columns,
// refusals.
#include "FakeTokenizer.h"

#include "runtime/tasks/Task.h"
#include "runtime/tasks/TaskFlags.h"

namespace ftc::rt {
namespace {

using Ids = std::vector<std::int32_t>;
const std::int32_t A = FakeTokenizer::idOf("a"), B = FakeTokenizer::idOf("b"),
                   C = FakeTokenizer::idOf("c");

const Task &task(const char *name = "summarization") { return **findTask(name); }

Example encode(const std::string &row, const EncodeSettings &settings, bool labelled = true) {
  DataTable table = tableOf("a.jsonl", row + "\n");
  auto columns = task().findColumns(table, {}, labelled);
  EXPECT_TRUE(columns) << columns.status().message();
  auto example = task().encode(table, 0, *columns, LabelSet(), FakeTokenizer(), settings);
  EXPECT_TRUE(example) << example.status().message();
  return example ? example.take() : Example();
}

TEST(TargetText, TheDecoderReadsTheTargetShiftedRight) {
  EncodeSettings settings;
  settings.target.decoderStart = 9;
  Example example = encode(R"({"text": "a b", "summary": "c a"})", settings);
  EXPECT_EQ(example.ids, (Ids{1, A, B, 2}));
  EXPECT_EQ(example.typeIds, (Ids{0, 0, 0, 0}));
  EXPECT_EQ(example.labels, (Ids{1, C, A, 2}));
  EXPECT_EQ(example.targetIds, (Ids{9, 1, C, A}));
  EXPECT_EQ(example.countedLabels(), 4);
  // mBART: behind the target's own last token.
  settings.target.decoderStart = -1;
  EXPECT_EQ(encode(R"({"text": "a b", "summary": "c a"})", settings).targetIds,
            (Ids{2, 1, C, A}));
}

TEST(TargetText, SourceAndTargetAreCutEachToItsLength) {
  EncodeSettings settings;
  settings.maxSeqLength = 3;
  settings.target.maxLength = 4;
  settings.target.decoderStart = 0;
  settings.target.sourcePrefix = "c ";
  Example example = encode(R"({"document": "a b", "summary": "c a b"})", settings);
  EXPECT_EQ(example.ids, (Ids{1, C, 2}));
  EXPECT_EQ(example.truncated, 2);
  EXPECT_EQ(example.labels, (Ids{1, C, A, 2}));
  EXPECT_EQ(example.targetIds, (Ids{0, 1, C, A}));
  EXPECT_EQ(example.truncatedTarget, 1);
}

TEST(TargetText, WithoutATargetNothingCounts) {
  EncodeSettings settings;
  settings.target.decoderStart = 5;
  Example example = encode(R"({"text": "a b"})", settings, false);
  EXPECT_EQ(example.targetIds, (Ids{5}));
  EXPECT_EQ(example.labels, (Ids{kIgnoredLabel}));
  EXPECT_EQ(example.countedLabels(), 0);
}

TEST(TargetText, CountsCutTargetsAndMeasuresBothSides) {
  DataTable table = tableOf("a.jsonl", R"({"en": "a b c", "de": "a"}
{"en": "a", "de": "a b c a"}
)");
  const Task &translation = task("translation");
  auto columns = translation.findColumns(table, {}, true);
  ASSERT_TRUE(columns);
  EncodeSettings settings;
  settings.target.maxLength = 5;
  auto encoded =
      encodeTable(translation, table, *columns, LabelSet(), FakeTokenizer(), settings);
  ASSERT_TRUE(encoded);
  EXPECT_EQ(encoded->cuts.examples, 0);
  EXPECT_EQ(encoded->cuts.targets, 1);
  TokenStatistics targets;
  auto sources =
      measureTokens(translation, table, *columns, FakeTokenizer(), {}, &targets);
  ASSERT_TRUE(sources);
  EXPECT_EQ(sources->lengths, (std::vector<std::int64_t>{5, 3}));
  EXPECT_EQ(targets.lengths, (std::vector<std::int64_t>{3, 6}));
}

TEST(TargetText, BadCellsAndFlagsAreNamed) {
  DataTable table = tableOf("a.jsonl", R"({"text": "a", "summary": "b"}
{"text": "a", "summary": 3}
)");
  auto columns = task().findColumns(table, {}, true);
  ASSERT_TRUE(columns);
  Status status = task().checkTable(table, *columns, {});
  EXPECT_NE(status.message().find("a.jsonl: line 2"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("expected a string in column 'summary'"),
            std::string::npos);
  auto refused = [](const char *name, ColumnFlags flags, bool all = false) {
    return checkTaskFlags(task(name), flags, all).message();
  };
  ColumnFlags text, label, language, pair;
  text.textColumn = label.labelColumnName = language.sourceLang = pair.sentence2Key = "x";
  EXPECT_EQ(refused("summarization", text), "");
  EXPECT_EQ(refused("summarization", language), ""); // mBART's
  EXPECT_EQ(refused("translation", language), "");
  EXPECT_EQ(refused("translation", text),
            "--text_column: summarization alone has it, this is translation");
  EXPECT_EQ(refused("text-generation", language),
            "--source_lang: translation alone has it, this is text-generation");
  EXPECT_EQ(refused("summarization", label),
            "--label_column_name: summarization has --text_column and --summary_column instead");
  EXPECT_EQ(refused("translation", pair),
            "--sentence2_key: text-classification alone has it, this is translation");
  EXPECT_EQ(refused("translation", {}, true),
            "--label_all_tokens: token-classification alone has it, this is translation");
}

} // namespace
} // namespace ftc::rt
