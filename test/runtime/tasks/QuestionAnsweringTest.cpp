// Question answering with a tokenizer to follow by hand: columns, windows, spans, answers.
#include "FakeTokenizer.h"

#include "runtime/tasks/AnswerSearch.h"
#include "runtime/tasks/Answers.h"
#include "runtime/tasks/Batch.h"

#include <cmath>

namespace ftc::rt {
namespace {

using Names = std::vector<std::string>;

const Task &task() { return **findTask("question-answering"); }

std::string line(std::string_view context, std::string_view answers,
                 std::string_view id = "q1") {
  return "{\"id\": \"" + std::string(id) + "\", \"question\": \" who is it\", \"context\": \"" +
         std::string(context) + "\", \"answers\": " + std::string(answers) + "}\n";
}

Result<std::vector<Example>> windowsOf(const std::string &text, EncodeSettings settings,
                                       std::string_view name = "a.jsonl") {
  DataTable table = tableOf(name, text);
  FTC_ASSIGN_OR_RETURN(TaskColumns columns, task().findColumns(table, {}, true));
  std::vector<Example> windows;
  FTC_RETURN_IF_ERROR(
      task().encodeExamples(table, 0, columns, LabelSet(), FakeTokenizer(), settings, windows));
  return windows;
}

std::string errorOf(const std::string &text, std::string_view name = "a.jsonl",
                    bool version2 = false) {
  DataTable table = tableOf(name, text);
  Result<TaskColumns> columns = task().findColumns(table, {}, true);
  if (!columns)
    return columns.status().message();
  EncodeSettings settings;
  settings.questions.version2WithNegative = version2;
  return task().checkTable(table, *columns, settings).message();
}

TEST(QuestionAnswering, WindowsOverlapAndMarkTheAnswer) {
  // [1] who is it [2] + 9 tokens of context + [2]; 10 leaves room for 4 of them.
  EncodeSettings settings;
  settings.maxSeqLength = 10;
  settings.questions.docStride = 2;
  auto windows = windowsOf(line("aa bb cc dd ee ff gg hh ii", "{\"text\": [\"dd ee\", \"x\"], "
                                                              "\"answer_start\": [9, 0]}"),
                           settings);
  ASSERT_FALSE(windows) << "the second answer is wrong";
  windows = windowsOf(
      line("aa bb cc dd ee ff gg hh ii", "{\"text\": [\"dd ee\"], \"answer_start\": [9]}"),
      settings);
  ASSERT_TRUE(windows) << windows.status().message();
  ASSERT_EQ(windows->size(), 4u);
  std::vector<std::pair<std::int32_t, std::int32_t>> spans;
  for (const Example &window : *windows) {
    EXPECT_EQ(window.ids.front(), 1);
    EXPECT_EQ(window.ids.back(), 2);
    EXPECT_EQ(window.offsets[4], std::pair(-1, -1));
    spans.emplace_back(window.labels[0], window.spanEnd);
  }
  EXPECT_EQ((*windows)[1].offsets[5], std::pair(6, 8)) << "cc";
  EXPECT_EQ((*windows)[3].tokens(), 9);
  // The last of the first window is dd: not all of the answer. cc dd ee ff holds it, ee ff gg
  // hh does not.
  EXPECT_EQ(spans, (std::vector<std::pair<std::int32_t, std::int32_t>>{
                       {0, 0}, {6, 7}, {0, 0}, {0, 0}}));
  EXPECT_EQ(task().stratumOfExample((*windows)[0], LabelSet()), 0);
  EXPECT_EQ(task().stratumOfExample((*windows)[1], LabelSet()), 1);
}

TEST(QuestionAnswering, AnswersAtTheEdges) {
  EncodeSettings settings;
  auto span = [&](std::string_view text, int start) {
    auto windows = windowsOf(line("abcdef gh", "{\"text\": [\"" + std::string(text) +
                                                   "\"], \"answer_start\": [" +
                                                   std::to_string(start) + "]}"),
                             settings);
    EXPECT_TRUE(windows) << windows.status().message();
    return windows ? std::pair((*windows)[0].labels[0], (*windows)[0].spanEnd)
                   : std::pair(-1, -1);
  };
  // abc def gh are tokens 5, 6 and 7; an answer inside a token marks the token.
  EXPECT_EQ(span("abcdef gh", 0), std::pair(5, 7));
  EXPECT_EQ(span("gh", 7), std::pair(7, 7));
  EXPECT_EQ(span("h", 8), std::pair(7, 7));
  EXPECT_EQ(span("bcd", 1), std::pair(5, 6));
}

TEST(QuestionAnswering, ColumnsAndForms) {
  EncodeSettings settings;
  settings.questions.version2WithNegative = true;
  auto labelOf = [&](std::string text, std::string_view name) {
    auto windows = windowsOf(text, settings, name);
    EXPECT_TRUE(windows) << windows.status().message();
    return windows ? (*windows)[0].labels[0] : -1;
  };
  EXPECT_EQ(
      labelOf("question,context,answers.text,answers.answer_start\na b,cc dd,dd,3\n", "a.csv"),
      5);
  EXPECT_EQ(
      labelOf("question,context,answers.text,answers.answer_start\na b,cc dd,,\n", "a.csv"), 0);
  EXPECT_EQ(labelOf("question,context,answers\na b,cc dd,\"{\"\"text\"\": [\"\"dd\"\"], "
                    "\"\"answer_start\"\": [3]}\"\n",
                    "a.csv"),
            5);
  EXPECT_EQ(labelOf(line("cc dd", "{\"text\": [], \"answer_start\": []}"), "a.jsonl"), 0);
  EXPECT_EQ(labelOf(line("cc dd", "[{\"answer_start\": 3, \"text\": \"dd\"}]"), "a.jsonl"), 6);
  EXPECT_EQ(labelOf(line("cc dd", "[]"), "a.jsonl"), 0);
  EXPECT_EQ(labelOf("{\"data\": [{\"paragraphs\": [{\"context\": \"cc dd\", \"qas\": [{\"id\": "
                    "\"q\", \"question\": \"a b\", \"answers\": [{\"text\": \"dd\", "
                    "\"answer_start\": 3}]}]}]}]}",
                    "a.json"),
            5);
}

TEST(QuestionAnswering, RefusesByQuestion) {
  EXPECT_HAS(errorOf(line("cc dd", "{\"text\": [\"dd\"], \"answer_start\": [2]}")),
             "a.jsonl: line 1: question 'q1': expected the answer 'dd' at character 2 of the "
             "context, got ' d'");
  EXPECT_HAS(errorOf(line("cc dd", "{\"text\": [\"dd\"], \"answer_start\": [99]}")),
             "got its end (it has 5 characters)");
  EXPECT_HAS(errorOf(line("cc dd", "{\"text\": [\"dd\"], \"answer_start\": [-1]}")),
             "at character -1");
  EXPECT_HAS(errorOf(line("é dd", "{\"text\": [\"dd\"], \"answer_start\": [3]}")),
             "expected the answer 'dd' at character 3 of the context, got 'd'");
  EXPECT_EQ(errorOf(line("é dd", "{\"text\": [\"dd\"], \"answer_start\": [2]}")), "");
  EXPECT_HAS(errorOf(line("cc dd", "{\"text\": [], \"answer_start\": []}")),
             "question 'q1': expected an answer, got none; data with unanswerable questions "
             "needs --version_2_with_negative");
  EXPECT_EQ(errorOf(line("cc dd", "{\"text\": [], \"answer_start\": []}"), "a.jsonl", true),
            "");
  EXPECT_HAS(errorOf(line("cc dd", "{\"text\": [\"dd\"], \"answer_start\": [3, 0]}")),
             "expected one answer_start a text, got 1 texts and 2 starts");
  EXPECT_HAS(errorOf(line("cc dd", "{\"text\": [\"\"], \"answer_start\": [3]}")),
             "expected an answer's text, got an empty one");
  EXPECT_HAS(
      errorOf(line("cc dd", "{\"text\": [1], \"answer_start\": [3]}")),
      "expected a list of strings in column 'answers.text', got a list of whole numbers");
  EXPECT_HAS(errorOf(line("cc dd", "{\"text\": [\"dd\"]}")),
             "expected a column 'answers.answer_start' beside 'answers.text', got the columns");
  EXPECT_HAS(errorOf(line("cc dd", "3")),
             "expected {\"text\": [...], \"answer_start\": [...]} in column 'answers', got a "
             "whole number");
  EXPECT_HAS(errorOf(line("cc dd", "[{\"text\": \"dd\"}]")),
             "expected objects with a string \"text\" and a whole number \"answer_start\" in "
             "column 'answers', got one without");
  EXPECT_HAS(errorOf(line("cc dd", "[{\"text\": 3, \"answer_start\": 3}]")), "got other kinds");
  EXPECT_HAS(
      errorOf("{\"id\": \"q\", \"question\": \"a\", \"context\": \"b\"}\n"),
      "expected a column 'answers' with 'text' and 'answer_start', got the columns 'id', "
      "'question'");
  EXPECT_HAS(errorOf("{\"id\": \"q\", \"question\": \"a\", \"text\": \"b\"}\n"),
             "expected a column 'context'");
  EXPECT_HAS(errorOf("{\"id\": \"q\", \"text\": \"b\"}\n"), "expected a column 'question'");
  std::string good = line("cc dd", "{\"text\": [\"dd\"], \"answer_start\": [3]}");
  EXPECT_HAS(errorOf(good + good),
             "line 2: question 'q1': expected each id once, got this one in line 1 too");
  EXPECT_HAS(
      errorOf("question,context,answers.text,answers.answer_start\na,cc dd,dd,x\n", "a.csv"),
      "line 2: question '0': expected a whole number in column 'answers.answer_start', "
      "got 'x'");
  EXPECT_HAS(
      errorOf("question,context,answers\na,cc dd,dd\n", "a.csv"),
      "expected {\"text\": [...], \"answer_start\": [...]} in column 'answers', got 'dd'");
  EXPECT_HAS(errorOf("question,context,answers\na,cc dd,\"{\"\"text\"\": [3], "
                     "\"\"answer_start\"\": [3]}\"\n",
                     "a.csv"),
             "got 3 as a text");
  DataTable table = tableOf("a.jsonl", good);
  ColumnFlags flags;
  flags.textColumnName = "question";
  EXPECT_HAS(task().findColumns(table, flags, true).status().message(),
             "--text_column_name: question answering reads the columns");
}

TEST(QuestionAnswering, QuestionsWithoutRoomAreRefused) {
  EncodeSettings settings;
  settings.maxSeqLength = 10;
  settings.questions.docStride = 4;
  auto windows = windowsOf(
      line("aa bb cc dd ee ff gg hh ii", "{\"text\": [\"dd\"], \"answer_start\": [9]}"),
      settings);
  ASSERT_FALSE(windows);
  EXPECT_HAS(windows.status().message(), "a.jsonl: line 1: question 'q1': expected room for");
  EXPECT_HAS(windows.status().message(), "raise --max_seq_length or lower --doc_stride");
}

/// Outputs of a table whose windows are all encoded; `scores` gives each token's two.
struct QuestionRun {
  QuestionRun(std::string text, QuestionSettings questions, bool predict = false)
      : table(tableOf("a.jsonl", std::move(text))),
        columns(task().findColumns(table, {}, !predict).take()) {
    EncodeSettings settings;
    settings.maxSeqLength = 10;
    settings.questions = questions;
    settings.questions.docStride = 2;
    FakeTokenizer tokenizer;
    auto encoded = predict
                       ? encodeTableForPrediction(task(), table, columns, tokenizer, settings)
                       : encodeTable(task(), table, columns, LabelSet(), tokenizer, settings);
    EXPECT_TRUE(encoded) << encoded.status().message();
    examples = encoded->examples;
    outputs = task().makeOutputs({examples, labels, table, columns, settings.questions});
  }

  /// Start and end scores are 5 at the tokens that begin and end code points of the context.
  void favour(std::int64_t row, std::int32_t begin, std::int32_t end) {
    for (std::size_t e = 0; e < examples.size(); ++e) {
      std::vector<float> scores(2 * examples[e].tokens(), 0.0f);
      std::vector<OutputRow> rows;
      for (std::int32_t t = 0; t < examples[e].tokens(); ++t) {
        rows.push_back({static_cast<std::int64_t>(e), t});
        if (examples[e].row != row)
          continue;
        scores[2 * t] = examples[e].offsets[t].first == begin ? 5 : 0;
        scores[2 * t + 1] = examples[e].offsets[t].second == end ? 5 : 0;
      }
      if (examples[e].row == row)
        ASSERT_TRUE(outputs->add(scores, 2, rows));
    }
  }

  DataTable table;
  TaskColumns columns;
  LabelSet labels;
  std::vector<Example> examples;
  std::unique_ptr<TaskOutputs> outputs;
};

double metric(const Metrics &metrics, std::string_view name) {
  for (const auto &[known, value] : metrics)
    if (known == name)
      return value;
  ADD_FAILURE() << "no metric " << name;
  return 0;
}

TEST(QuestionAnswering, AnswersMetricsAndFiles) {
  std::string good = "{\"text\": [\"dd ee\"], \"answer_start\": [9]}";
  QuestionRun run(line("aa bb cc dd ee ff gg hh ii", good) + line("aa bb",
                                                                  "{\"text\": [\"bb\"], "
                                                                  "\"answer_start\": [3]}",
                                                                  "q2"),
                  {});
  ASSERT_EQ(run.examples.size(), 5u);
  EXPECT_HAS(run.outputs->metrics().status().message(), "no output for the example of line 1");
  run.favour(0, 9, 14);
  run.favour(1, 0, 5);
  auto metrics = run.outputs->metrics();
  ASSERT_TRUE(metrics) << metrics.status().message();
  EXPECT_DOUBLE_EQ(metric(*metrics, "exact_match"), 50);
  EXPECT_DOUBLE_EQ(metric(*metrics, "f1"), 100 * (1 + 2.0 / 3) / 2);
  EXPECT_DOUBLE_EQ(metric(*metrics, "baseline_exact_match"), 50);
  auto report = run.outputs->report();
  ASSERT_TRUE(report);
  EXPECT_HAS(*report, "2 questions: exact match 50.00, F1 83.33");
  EXPECT_HAS(*report, "always answering 'bb' (the most frequent answer) would reach: exact");
  auto lines = run.outputs->predictionLines(run.table, run.columns);
  ASSERT_TRUE(lines);
  EXPECT_HAS(*lines, "{\"id\": \"q1\", \"answer\": \"dd ee\", \"score\": 0.");
  EXPECT_HAS(*lines, "\n{\"id\": \"q2\", \"answer\": \"aa bb\", \"score\": 0.");
  auto files = run.outputs->files();
  ASSERT_TRUE(files);
  ASSERT_EQ(files->size(), 2u);
  EXPECT_EQ((*files)[0].name, "predictions.json");
  EXPECT_EQ((*files)[0].text, "{\n    \"q1\": \"dd ee\",\n    \"q2\": \"aa bb\"\n}\n");
  EXPECT_HAS((*files)[1].text, "\"q1\": [\n        {\n            \"start_logit\": 5.0,");
  EXPECT_HAS(
      run.outputs->add(std::vector<float>{NAN, 0}, 2, std::vector<OutputRow>{{0, 0}}).message(),
      "output for the example of line 1 is not finite");
  EXPECT_HAS(
      run.outputs->add(std::vector<float>{0, 0}, 2, std::vector<OutputRow>{{0, 10}}).message(),
      "got one for example 0, token 10");
}

TEST(QuestionAnswering, Version2MayGiveNoAnswer) {
  QuestionSettings questions;
  questions.version2WithNegative = true;
  std::string none = "{\"text\": [], \"answer_start\": []}";
  QuestionRun run(line("aa bb", none) + line("aa bb", none, "q2"), questions);
  run.favour(0, 3, 5);   // an answer where there is none
  run.favour(1, -1, -1); // all outside the context, the first token too
  auto metrics = run.outputs->metrics();
  ASSERT_TRUE(metrics) << metrics.status().message();
  EXPECT_DOUBLE_EQ(metric(*metrics, "exact"), 50);
  EXPECT_DOUBLE_EQ(metric(*metrics, "NoAns_f1"), 50);
  EXPECT_DOUBLE_EQ(metric(*metrics, "NoAns_total"), 2);
  EXPECT_DOUBLE_EQ(metric(*metrics, "best_exact"), 100);
  EXPECT_DOUBLE_EQ(metric(*metrics, "baseline_exact"), 100);
  auto files = run.outputs->files();
  ASSERT_TRUE(files);
  ASSERT_EQ(files->size(), 3u);
  EXPECT_EQ((*files)[0].text, "{\n    \"q1\": \"bb\",\n    \"q2\": \"\"\n}\n");
  EXPECT_EQ((*files)[2].name, "null_odds.json");
  EXPECT_EQ((*files)[2].text, "{\n    \"q1\": -10.0,\n    \"q2\": 10.0\n}\n");
}

TEST(QuestionAnswering, PredictsWithoutAnswers) {
  QuestionRun run("{\"question\": \"who is it\", \"context\": \"aa bb cc dd ee ff\", "
                  "\"answers\": null}\n",
                  {}, true);
  EXPECT_EQ(run.columns.label, -1);
  ASSERT_EQ(run.examples.size(), 2u);
  EXPECT_EQ(run.examples[0].labels[0], kIgnoredLabel);
  EXPECT_EQ(run.examples[0].countedLabels(), 0);
  run.favour(0, 12, 17);
  auto lines = run.outputs->predictionLines(run.table, run.columns);
  ASSERT_TRUE(lines);
  EXPECT_HAS(*lines, "{\"id\": \"0\", \"answer\": \"ee ff\", \"score\": ");
}

TEST(AnswerSearch, FakeAnswerWhereThereIsNone) {
  QuestionSettings settings;
  AnswerSearch search(settings);
  std::vector<std::pair<std::int32_t, std::int32_t>> outside(3, {-1, -1});
  search.addWindow(std::vector<float>(6, 0.5f), outside);
  EXPECT_EQ(search.choose("").text, "empty");
  settings.version2WithNegative = true;
  AnswerSearch second(settings);
  second.addWindow(std::vector<float>(6, 0.5f), outside);
  AnswerChoice choice = second.choose("");
  EXPECT_EQ(choice.text, "");
  ASSERT_EQ(choice.best.size(), 2u);
  EXPECT_EQ(choice.best[0].text, "empty");
  EXPECT_DOUBLE_EQ(choice.nullOdds, 1);
}

TEST(Answers, SlicesCodePoints) {
  EXPECT_EQ(codePoints("aé漢🙂"), 4);
  EXPECT_EQ(codePointSlice("aé漢🙂b", 1, 4), "é漢🙂");
  EXPECT_EQ(codePointSlice("ab", 1, 9), "b");
  EXPECT_EQ(codePointSlice("ab", 5, 9), "");
}

} // namespace
} // namespace ftc::rt
