// Windows, answers and metrics against recorded ones of Hugging Face's tokenizers, run_qa's
// post-processing and SQuAD's scripts (test/oracle/question_answering.py).
#include "runtime/metrics/Squad.h"
#include "runtime/support/Text.h"
#include "runtime/tasks/AnswerSearch.h"
#include "runtime/tasks/Task.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>

namespace ftc::rt {
namespace {

using nlohmann::json;

const std::string kRecordings = FTC_TEST_DIR "/../../oracle/recordings/";

const json &golden() {
  static const json value = [] {
    std::ifstream file(FTC_TEST_DIR "/question_golden.json");
    return json::parse(file, nullptr, /*allow_exceptions=*/false);
  }();
  return value;
}

std::vector<std::string> strings(const json &list) {
  return list.get<std::vector<std::string>>();
}

TEST(QuestionGolden, ScoresOfAnswers) {
  const json &cases = golden()["metrics"]["cases"];
  ASSERT_GT(cases.size(), 800u);
  SquadScores version1(false), version2(true);
  for (const json &entry : cases) {
    std::string guess = entry[0].get<std::string>();
    std::vector<std::string> golds = strings(entry[1]);
    version2.add(guess, golds);
    AnswerScore two = scoreAnswer(guess, golds, true);
    EXPECT_NEAR(two.exact, entry[3][0].get<double>(), 1e-9) << entry;
    EXPECT_NEAR(two.f1, entry[3][1].get<double>(), 1e-9) << entry;
    if (golds.empty())
      continue;
    version1.add(guess, golds);
    AnswerScore one = scoreAnswer(guess, golds, false);
    EXPECT_NEAR(one.exact, entry[2][0].get<double>(), 1e-9) << entry;
    EXPECT_NEAR(one.f1, entry[2][1].get<double>(), 1e-9) << entry;
  }
  auto compare = [](const SquadScores &scores, const json &expected) {
    auto metrics = scores.metrics();
    EXPECT_EQ(metrics.size(), expected.size());
    for (const auto &[name, value] : metrics)
      EXPECT_NEAR(value, expected.value(name, -1.0), 1e-9) << name;
  };
  compare(version1, golden()["metrics"]["v1"]);
  compare(version2, golden()["metrics"]["v2"]);
}

/// A recorded model's tokenizer over the recorded questions.
struct Questions {
  explicit Questions(const std::string &family) : task(**findTask("question-answering")) {
    auto files = readTokenizerFiles(kRecordings + family + "-question-answering/model");
    EXPECT_TRUE(files) << files.status().message();
    auto made = makeTokenizer(*files, {family, false});
    EXPECT_TRUE(made) << made.status().message();
    tokenizer = made.take();
    auto read = readDataFile(kRecordings + "data/questions.json");
    EXPECT_TRUE(read) << read.status().message();
    table = read.take();
    columns = task.findColumns(table, {}, true).take();
  }

  std::int64_t rowOf(const json &id) const {
    for (std::int64_t row = 0; row < table.rows(); ++row)
      if (table.text(row, columns.id) == id.get<std::string>())
        return row;
    ADD_FAILURE() << "no question " << id;
    return 0;
  }

  std::vector<Example> windows(std::int64_t row, int maxLength, int stride) const {
    EncodeSettings settings;
    settings.maxSeqLength = maxLength;
    settings.questions.docStride = stride;
    settings.questions.version2WithNegative = true;
    std::vector<Example> out;
    Status status =
        task.encodeExamples(table, row, columns, LabelSet(), *tokenizer, settings, out);
    EXPECT_TRUE(status) << status.message();
    return out;
  }

  const Task &task;
  std::unique_ptr<Tokenizer> tokenizer;
  DataTable table;
  TaskColumns columns;
};

class Family : public testing::TestWithParam<const char *> {};

TEST_P(Family, WindowsAreThoseOfRunQa) {
  Questions questions(GetParam());
  const json &cases = golden()["windows"][GetParam()];
  ASSERT_GT(cases.size(), 20u);
  std::size_t several = 0, marked = 0;
  for (const json &entry : cases) {
    std::vector<Example> windows =
        questions.windows(questions.rowOf(entry["id"]), entry["max_length"].get<int>(),
                          entry["stride"].get<int>());
    const json &expected = entry["windows"];
    ASSERT_EQ(windows.size(), expected.size()) << entry["id"];
    several += windows.size() > 1;
    for (std::size_t w = 0; w < windows.size(); ++w) {
      EXPECT_EQ(json(windows[w].ids), expected[w][0]) << entry["id"] << " window " << w;
      EXPECT_EQ(json(windows[w].typeIds), expected[w][1]) << entry["id"] << " window " << w;
      EXPECT_EQ(json(windows[w].offsets), expected[w][2]) << entry["id"] << " window " << w;
      EXPECT_EQ(windows[w].labels[0], expected[w][3].get<int>()) << entry["id"] << " " << w;
      EXPECT_EQ(windows[w].spanEnd, expected[w][4].get<int>()) << entry["id"] << " " << w;
      marked += windows[w].labels[0] > 0;
    }
  }
  EXPECT_GT(several, 5u);
  EXPECT_GT(marked, 5u);
}

TEST_P(Family, AnswersAreThoseOfRunQa) {
  Questions questions(GetParam());
  const json &cases = golden()["answers"][GetParam()];
  ASSERT_GE(cases.size(), 8u);
  for (const json &entry : cases) {
    std::int64_t row = questions.rowOf(entry["id"]);
    std::vector<Example> windows = questions.windows(row, 40, 7);
    ASSERT_EQ(windows.size(), entry["logits"].size());
    for (const json &choice : entry["choices"]) {
      const json &flags = choice["flags"];
      QuestionSettings settings;
      settings.nBestSize = flags.value("n_best_size", 20);
      settings.maxAnswerLength = flags.value("max_answer_length", 30);
      settings.version2WithNegative = flags.value("version_2", false);
      settings.nullScoreDiffThreshold = flags.value("threshold", 0.0);
      AnswerSearch search(settings);
      for (std::size_t w = 0; w < windows.size(); ++w)
        search.addWindow(entry["logits"][w].get<std::vector<float>>(), windows[w].offsets);
      AnswerChoice found = search.choose(questions.table.text(row, questions.columns.pair));
      EXPECT_EQ(found.text, choice["answer"].get<std::string>()) << entry["id"] << flags;
      ASSERT_EQ(found.best.size(), choice["count"].get<std::size_t>()) << entry["id"] << flags;
      for (std::size_t i = 0; i < choice["best"].size(); ++i) {
        const json &expected = choice["best"][i];
        EXPECT_EQ(found.best[i].text, expected["text"].get<std::string>()) << entry["id"];
        EXPECT_EQ(found.best[i].startLogit, expected["start_logit"].get<double>());
        EXPECT_EQ(found.best[i].endLogit, expected["end_logit"].get<double>());
        // numpy's softmax is in f32.
        EXPECT_NEAR(found.best[i].probability, expected["probability"].get<double>(), 1e-6);
      }
      if (settings.version2WithNegative)
        EXPECT_EQ(found.nullOdds, choice["odds"].get<double>()) << entry["id"] << flags;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(QuestionGolden, Family, testing::Values("bert", "roberta"),
                         [](const auto &info) { return std::string(info.param); });

} // namespace
} // namespace ftc::rt
