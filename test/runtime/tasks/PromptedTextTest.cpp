// Summarization and translation with decoders: prompt, target, end of text, both cuts; scores
// of what was written.
#include "FakeTokenizer.h"

#include "runtime/metrics/Bleu.h"
#include "runtime/tasks/MetricNames.h"
#include "runtime/tasks/Task.h"
#include "runtime/tasks/TaskFlags.h"

namespace ftc::rt {
namespace {

using Ids = std::vector<std::int32_t>;
const std::int32_t A = FakeTokenizer::idOf("a"), B = FakeTokenizer::idOf("b"),
                   C = FakeTokenizer::idOf("c");
constexpr std::int32_t kNone = kIgnoredLabel;

const Task &task(const char *name = "summarization") {
  return *(*findTask(name))->forDecoder();
}

/// The fake's pieces of "TL;DR:".
Ids behind() {
  EncodeOptions options;
  options.addSpecialTokens = false;
  return FakeTokenizer().encode("\nTL;DR:\n", options)->ids;
}

Ids joined(std::initializer_list<Ids> parts) {
  Ids all;
  for (const Ids &part : parts)
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

Result<Example> encode(const std::string &row, const EncodeSettings &settings,
                       bool labelled = true) {
  DataTable table = tableOf("a.jsonl", row + "\n");
  auto columns = task().findColumns(table, {}, labelled);
  EXPECT_TRUE(columns) << columns.status().message();
  return task().encode(table, 0, *columns, LabelSet(), FakeTokenizer(), settings);
}

TEST(PromptedText, FormsOfOneTask) {
  EXPECT_EQ(task().labelPlacement(), LabelPlacement::Token);
  EXPECT_EQ((*findTask("summarization"))->labelPlacement(), LabelPlacement::Target);
  EXPECT_EQ(task().forDecoder(), &task());
  EXPECT_EQ(task().name(), "summarization");
  EXPECT_EQ(task("translation").name(), "translation");
  EXPECT_TRUE(task().generates());
  EXPECT_EQ(&task("text-generation"), *findTask("text-generation"));
}

TEST(PromptedText, ThePromptCountsNothingAndTheEndIsLearnt) {
  EncodeSettings settings;
  settings.endOfText = 9;
  settings.target.sourcePrefix = "c ";
  auto example = encode(R"({"text": "a b", "summary": "c a"})", settings);
  ASSERT_TRUE(example);
  Ids prompt = joined({{1, C, A, B, 2}, behind()});
  EXPECT_EQ(example->ids, joined({prompt, {C, A, 9}}));
  EXPECT_EQ(example->labels, joined({Ids(prompt.size() - 1, kNone), {C, A, 9, kNone}}));
  EXPECT_EQ(example->typeIds, Ids(example->ids.size(), 0));
  EXPECT_EQ(example->wordIds, Ids(example->ids.size(), -1));
  // An empty target still ends; without a token to end it there is nothing to learn.
  example = encode(R"({"text": "", "summary": ""})", settings);
  ASSERT_TRUE(example);
  EXPECT_EQ(example->countedLabels(), 1);
  settings.endOfText = -1;
  EXPECT_EQ(encode(R"({"text": "", "summary": ""})", settings)->countedLabels(), 0);
}

TEST(PromptedText, SourceAndTargetAreCutButNeitherSeparatorNorEnd) {
  auto size = static_cast<std::int32_t>(behind().size());
  EncodeSettings settings;
  settings.endOfText = 9;
  settings.maxSeqLength = 4 + size;
  settings.target.maxLength = 3;
  auto example = encode(R"({"text": "a b c a", "summary": "c a b"})", settings);
  ASSERT_TRUE(example);
  EXPECT_EQ(example->ids, joined({{1, A, B, 2}, behind(), {C, A, 9}}));
  EXPECT_EQ(example->truncated, 2);
  EXPECT_EQ(example->truncatedTarget, 1);
  settings.target.maxLength = 1;
  EXPECT_EQ(encode(R"({"text": "a", "summary": "c a b"})", settings)->countedLabels(), 1);
  settings.maxSeqLength = 1 + size;
  auto refused = encode(R"({"text": "a", "summary": "c"})", settings);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.status().message().find("--max_source_length: expected at least " +
                                            std::to_string(size + 2)),
            std::string::npos)
      << refused.status().message();
}

TEST(PromptedText, PredictionBeginsWithTrainingsPrompt) {
  DataTable table = tableOf("a.jsonl", "{\"text\": \"a b c\"}\n");
  auto columns = task().findColumns(table, {}, false);
  ASSERT_TRUE(columns);
  EncodeSettings settings;
  settings.endOfText = 9;
  auto size = static_cast<std::int32_t>(behind().size());
  for (auto [longest, prompt, wanted] :
       {std::tuple(0, 0, Ids{1, A, B, C, 2}), std::tuple(4 + size, 0, Ids{1, A, B, 2}),
        std::tuple(4 + size, 3 + size, Ids{1, A, 2})}) {
    settings.maxSeqLength = longest;
    settings.maxPromptLength = prompt;
    std::vector<Example> prompts;
    ASSERT_TRUE(
        task().encodeForPrediction(table, 0, *columns, FakeTokenizer(), settings, prompts));
    ASSERT_EQ(prompts.size(), 1u);
    EXPECT_EQ(prompts[0].ids, joined({wanted, behind()}));
    EXPECT_EQ(prompts[0].truncated, 5 - std::ssize(wanted));
    EXPECT_EQ(prompts[0].countedLabels(), 0);
  }
}

/// Outputs of a task over rows of "source<TAB>target", with what was written.
Result<Metrics> score(const char *name, const std::string &rows,
                      const std::vector<WrittenText> &texts, std::int64_t startIds = 0) {
  DataTable table = tableOf("a.tsv", "source\ttarget\n" + rows);
  TaskColumns columns;
  columns.text = 0;
  columns.label = 1;
  std::vector<Example> examples(table.rows());
  for (std::int64_t row = 0; row < table.rows(); ++row)
    examples[row].row = row;
  LabelSet labels;
  OutputSource source{examples, labels, table, columns, {}, 7, startIds};
  std::unique_ptr<TaskOutputs> outputs = task(name).makeOutputs(source);
  outputs->takeTexts(texts, false);
  auto report = outputs->report();
  EXPECT_TRUE(report) << report.status().message();
  return outputs->metrics();
}

double valueOf(const Result<Metrics> &metrics, const std::string &name) {
  for (const auto &[key, value] : *metrics)
    if (key == name)
      return value;
  ADD_FAILURE() << "no metric " << name;
  return -1;
}

TEST(TargetOutputs, TextsAreStrippedAndCompared) {
  auto metrics = score("summarization", "A first. A second.\t the cat sat \nOne.\tone two\n",
                       {{" the cat sat\n", {3, 4, 7, 7}}, {"one", {3}}});
  ASSERT_TRUE(metrics);
  EXPECT_NEAR(valueOf(metrics, "rouge1"), 100 * (1 + 2.0 / 3) / 2, 1e-9);
  EXPECT_NEAR(valueOf(metrics, "rouge2"), 50, 1e-9);
  EXPECT_NEAR(valueOf(metrics, "baseline_lead1_rouge1"), 100 * (0 + 2.0 / 3) / 2, 1e-9);
  EXPECT_NEAR(valueOf(metrics, "gen_len"), 1.5, 1e-12);
  metrics =
      score("translation", "a b c d e\ta b c d e\n", {{"  a b c d e \xe3\x80\x80", {}}}, 1);
  ASSERT_TRUE(metrics);
  EXPECT_NEAR(valueOf(metrics, "bleu"), 100, 1e-9);
  EXPECT_NEAR(valueOf(metrics, "chrf"), 100, 1e-9);
  EXPECT_NEAR(valueOf(metrics, "baseline_bleu"), 100, 1e-9);
  EXPECT_NEAR(valueOf(metrics, "gen_len"), 1, 1e-12);
}

TEST(TargetOutputs, BaselinesAreScoredOnceAndScoringStops) {
  DataTable table = tableOf("a.tsv", "source\ttarget\na b\ta b\nc d\tx y\n");
  TaskColumns columns;
  columns.text = 0;
  columns.label = 1;
  std::vector<Example> examples(2);
  examples[1].row = 1;
  LabelSet labels;
  for (const char *name : {"summarization", "translation"}) {
    std::optional<Baselines> kept;
    OutputSource source{examples, labels, table, columns, {}, 7, 0};
    source.baselines = &kept;
    auto scored = [&] {
      std::unique_ptr<TaskOutputs> outputs = task(name).makeOutputs(source);
      outputs->takeTexts({{"a b", {1}}, {"x", {1}}}, false);
      auto report = outputs->report();
      EXPECT_EQ(static_cast<bool>(report), !source.stopped);
      return std::pair(outputs->metrics(), report ? *report : std::string());
    };
    source.stopped = [] { return true; };
    EXPECT_EQ(scored().first.status().code(), Code::Interrupted);
    EXPECT_FALSE(kept);
    source.stopped = {};
    auto first = scored();
    ASSERT_TRUE(first.first && kept);
    EXPECT_FALSE(kept->metrics.empty());
    auto again = scored();
    EXPECT_EQ(*first.first, *again.first);
    EXPECT_EQ(first.second, again.second);
    // What was kept is what is told: it is not scored again.
    kept->metrics = {{"baseline_kept", 3}};
    kept->line = "kept";
    again = scored();
    EXPECT_EQ(again.first->back(), (std::pair<std::string, double>("baseline_kept", 3)));
    EXPECT_NE(again.second.find("kept\n"), std::string::npos);
  }
}

TEST(TargetOutputs, AMissingTextIsAnError) {
  DataTable table = tableOf("a.tsv", "source\ttarget\na\tb\n");
  TaskColumns columns;
  columns.text = 0;
  columns.label = 1;
  std::vector<Example> examples(1);
  LabelSet labels;
  std::unique_ptr<TaskOutputs> outputs =
      task().makeOutputs({examples, labels, table, columns, {}, 7, 0});
  EXPECT_TRUE(outputs->metrics()->empty()); // an evaluation of the loss alone
  outputs->takeTexts({}, false);
  EXPECT_FALSE(outputs->metrics());
}

TEST(TargetOutputs, PredictionsAreHuggingFacesFile) {
  DataTable table = tableOf("a.tsv", "source\ttarget\na\tb\n");
  LabelSet labels;
  std::unique_ptr<TaskOutputs> outputs = task().makeOutputs({{}, labels, table, {}, {}, 7, 0});
  outputs->takeTexts({{" one\r\ntwo \xc2\xa0", {1}}, {"", {}}, {"three", {2}}}, true);
  EXPECT_EQ(*outputs->predictionsText(table, {}), "one  two\n\nthree");
  EXPECT_EQ(*outputs->predictionLines(table, {}),
            "{\"text\":\" one\\r\\ntwo \xc2\xa0\",\"ids\":[1]}\n{\"text\":\"\",\"ids\":[]}\n"
            "{\"text\":\"three\",\"ids\":[2]}\n");
  auto signatures =
      task("translation").makeOutputs({{}, labels, table, {}, {}, 7, 0})->signatures();
  ASSERT_EQ(signatures.size(), 2u);
  EXPECT_EQ(signatures[0].first, "bleu_signature");
  EXPECT_EQ(signatures[0].second, Bleu::signature());
}

TEST(TargetOutputs, NamesForTheBestModel) {
  auto has = [](const std::vector<std::string> &names, const char *name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  EXPECT_TRUE(has(metricNames(task(), {}, {}, true), "rougeLsum"));
  EXPECT_TRUE(has(metricNames(task("translation"), {}, {}, true), "bleu"));
  EXPECT_TRUE(metricNames(task(), {}, {}, false).empty());
  EXPECT_TRUE(has(metricNames(task("text-generation"), {}, {}, true), "perplexity"));
}

} // namespace
} // namespace ftc::rt
