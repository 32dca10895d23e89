// Token classification: sub-word labels, label order, windows, metrics, predictions, schemes.
#include "FakeTokenizer.h"

#include "runtime/tasks/Batch.h"
#include "runtime/tasks/TagScheme.h"
#include "runtime/tasks/Task.h"
#include "runtime/tasks/WordWindows.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace ftc::rt {
namespace {

using Names = std::vector<std::string>;
using Ids = std::vector<std::int32_t>;

const Task &task() { return **findTask("token-classification"); }

/// A table with its columns and labels.
struct Prepared {
  DataTable table;
  TaskColumns columns;
  LabelSet labels;
};

Prepared prepare(std::string_view name, std::string text, const Names &checkpoint = {}) {
  DataTable table = tableOf(name, std::move(text));
  TaskColumns columns = task().findColumns(table, {}, true).take();
  LabelSet labels = task().collectLabels(table, columns, checkpoint).take();
  return {std::move(table), columns, std::move(labels)};
}

constexpr const char *kSample = "Johannes\tB-PER\nKepler\tI-PER\nsaw\tO\n\nRoma\tB-LOC\n";

TEST(TokenClassification, FirstSubWordCarriesTheLabel) {
  Prepared data = prepare("a.conll", kSample);
  EXPECT_EQ(data.labels.names(), (Names{"B-LOC", "B-PER", "I-PER", "O"}));
  auto example = task().encode(data.table, 0, data.columns, data.labels, FakeTokenizer(), {});
  ASSERT_TRUE(example);
  // [1] Joh ann es | Kep ler | saw [2]
  EXPECT_EQ(example->labels, (Ids{-100, 1, -100, -100, 2, -100, 3, -100}));
  EXPECT_EQ(example->wordIds, (Ids{-1, 0, 0, 0, 1, 1, 2, -1}));
  auto all = task().encode(data.table, 0, data.columns, data.labels, FakeTokenizer(),
                           {.labelAllTokens = true});
  ASSERT_TRUE(all);
  EXPECT_EQ(all->labels, (Ids{-100, 1, 2, 2, 2, 2, 3, -100}));
  // There is no I-LOC, so later sub-words keep B-LOC.
  auto roma = task().encode(data.table, 1, data.columns, data.labels, FakeTokenizer(),
                            {.labelAllTokens = true});
  EXPECT_EQ(roma->labels, (Ids{-100, 0, 0, -100}));
}

TEST(TokenClassification, CutsAndCounts) {
  Prepared data = prepare("a.conll", kSample);
  auto encoded = encodeTable(task(), data.table, data.columns, data.labels, FakeTokenizer(),
                             {.maxSeqLength = 5});
  ASSERT_TRUE(encoded);
  EXPECT_EQ(encoded->examples[0].labels, (Ids{-100, 1, -100, -100, -100}));
  EXPECT_EQ(encoded->examples[0].truncated, 3);
  EXPECT_EQ(encoded->cuts.examples, 1);
}

TEST(TokenClassification, ASplitCountsTheEntitiesThatAreLeft) {
  Prepared data = prepare("a.conll", "saw\tO\nKepler\tB-PER\n\nsaw\tO\n\nRoma\tB-LOC\n");
  EXPECT_FALSE(task().stratumOfRow(data.table, 0, data.columns, data.labels));
  auto strata = [&](std::int32_t tokens) {
    auto encoded = encodeTable(task(), data.table, data.columns, data.labels, FakeTokenizer(),
                               {.maxSeqLength = tokens});
    std::vector<std::int32_t> strata;
    for (const Example &example : encoded->examples)
      strata.push_back(task().stratumOfExample(example, data.labels));
    return strata;
  };
  EXPECT_EQ(strata(16), (std::vector<std::int32_t>{1, 0, 1}));
  EXPECT_EQ(strata(3), (std::vector<std::int32_t>{0, 0, 1}));
}

TEST(TokenClassification, KeepsTheCheckpointsOrderWhenTheSetIsEqual) {
  EXPECT_EQ(prepare("a.conll", kSample, {"O", "B-PER", "I-PER", "B-LOC"}).labels.names(),
            (Names{"O", "B-PER", "I-PER", "B-LOC"}));
  EXPECT_EQ(prepare("a.conll", kSample, {"O", "B-PER", "I-PER", "B-ORG"}).labels.names(),
            (Names{"B-LOC", "B-PER", "I-PER", "O"}));
  EXPECT_EQ(prepare("a.conll", kSample, {"LABEL_0", "LABEL_1"}).labels.size(), 4);
}

TEST(TokenClassification, IntegerTagsInJson) {
  Prepared data = prepare("a.jsonl", "{\"tokens\": [\"a\", \"b\"], \"ner_tags\": [10, 0]}\n"
                                     "{\"tokens\": [\"c\"], \"ner_tags\": [9]}\n"
                                     "{\"tokens\": [], \"ner_tags\": []}\n");
  EXPECT_EQ(data.labels.names(), (Names{"0", "9", "10"}));
  auto encoded =
      encodeTable(task(), data.table, data.columns, data.labels, FakeTokenizer(), {});
  ASSERT_TRUE(encoded) << encoded.status().message();
  EXPECT_EQ(encoded->examples[0].labels, (Ids{-100, 2, 0, -100}));
  EXPECT_EQ(encoded->examples[2].countedLabels(), 0);
}

TEST(TokenClassification, Refuses) {
  auto error = [](std::string_view name, std::string text) {
    DataTable table = tableOf(name, std::move(text));
    Result<TaskColumns> columns = task().findColumns(table, {}, true);
    return columns ? task().collectLabels(table, *columns, {}).status().message()
                   : columns.status().message();
  };
  EXPECT_HAS(
      error("d.conll", "a\nb\n"),
      "d.conll: expected a column of tags behind that of words, got the one column of a CoNLL "
      "file");
  EXPECT_HAS(
      error("d.jsonl", "{\"tokens\": [\"a\"]}\n"),
      "d.jsonl: expected a column 'ner_tags' (or name one with --label_column_name), got "
      "the columns 'tokens'");
  EXPECT_HAS(error("d.csv", "text,label\na,b\n"), "expected a column 'tokens'");
  EXPECT_HAS(error("d.csv", "tokens,ner_tags\na,b\n"),
             "d.csv: line 2: expected a list of strings in column 'tokens', got a string");
  EXPECT_HAS(
      error("d.conll", "a\tO\nb\tO\n"),
      "d.conll: expected at least two different labels in the last column, got only 'O'");
  EXPECT_HAS(error("d.conll", "a X O\nb X O\n"), "labels in the last column, got only 'O'");
  EXPECT_HAS(error("d.jsonl", "{\"tokens\": [\"a\"], \"ner_tags\": [\"O\"]}\n"),
             "labels in column 'ner_tags', got only 'O'");
  EXPECT_HAS(error("d.jsonl", "{\"tokens\": [\"a\", \"b\"], \"ner_tags\": [\"O\"]}\n"),
             "d.jsonl: line 1: expected one tag a token, got 2 tokens and 1 tags");
  EXPECT_HAS(error("d.jsonl", "{\"tokens\": [\"a\"], \"ner_tags\": [\"\"]}\n"),
             "line 1: expected a tag for token 1, got an empty one");
  EXPECT_HAS(error("d.jsonl", "{\"tokens\": [\"a\"], \"ner_tags\": [1.5]}\n"),
             "got a nested or mixed value");
  EXPECT_HAS(error("d.jsonl", "{\"tokens\": [1], \"ner_tags\": [\"O\"]}\n"),
             "expected a list of strings in column 'tokens', got a list of whole numbers");
  Prepared data = prepare("t.conll", kSample);
  DataTable other = tableOf("v.conll", "a\tO\nb\tB-ORG\n");
  EXPECT_EQ(task()
                .encode(other, 0, data.columns, data.labels, FakeTokenizer(), {})
                .status()
                .message(),
            "v.conll: line 2: expected a known label, got 'B-ORG'; known "
            "labels: 'B-LOC', 'B-PER', 'I-PER', 'O'");
}

/// Logits whose largest is at `label`.
void wish(std::vector<float> &logits, std::int32_t label, std::int64_t classes) {
  for (std::int32_t c = 0; c < classes; ++c)
    logits.push_back(c == label ? 1.0f : 0.0f);
}

double metric(const Metrics &metrics, std::string_view name) {
  for (const auto &[known, value] : metrics)
    if (known == name)
      return value;
  return -1;
}

TEST(TokenClassification, MetricsAndPredictions) {
  Prepared data = prepare("a.conll", "Jo\tB-PER\nKe\tI-PER\n~\tO\nsaw\tO\n\nRoma\tB-LOC\n");
  auto encoded =
      encodeTable(task(), data.table, data.columns, data.labels, FakeTokenizer(), {});
  ASSERT_TRUE(encoded);
  auto outputs = task().makeOutputs({encoded->examples, data.labels, data.table});
  // One row a token, specials included: rows without a label are ignored.
  std::vector<float> logits;
  std::vector<OutputRow> rows;
  std::int32_t person = data.labels.find("B-PER"), inside = data.labels.find("I-PER");
  for (std::int64_t e = 0; e < 2; ++e)
    for (std::int32_t t = 0; t < encoded->examples[e].tokens(); ++t) {
      std::int32_t label = encoded->examples[e].labels[t];
      // "Roma" is taken for I-PER: an entity to the lenient mode alone.
      wish(logits, label < 0 ? person : e == 1 ? inside : label, data.labels.size());
      rows.push_back({e, t});
    }
  ASSERT_TRUE(outputs->add(logits, data.labels.size(), rows));
  auto metrics = outputs->metrics();
  ASSERT_TRUE(metrics) << metrics.status().message();
  EXPECT_DOUBLE_EQ(metric(*metrics, "precision"), 0.5);
  EXPECT_DOUBLE_EQ(metric(*metrics, "recall"), 0.5);
  EXPECT_DOUBLE_EQ(metric(*metrics, "f1"), 0.5);
  EXPECT_DOUBLE_EQ(metric(*metrics, "accuracy"), 0.75);
  EXPECT_DOUBLE_EQ(metric(*metrics, "strict_precision"), 1);
  EXPECT_DOUBLE_EQ(metric(*metrics, "strict_recall"), 0.5);
  EXPECT_DOUBLE_EQ(metric(*metrics, "baseline_accuracy"), 0.25);
  EXPECT_DOUBLE_EQ(metric(*metrics, "baseline_f1"), 0);
  EXPECT_DOUBLE_EQ(metric(*metrics, "PER_precision"), 0.5);
  EXPECT_DOUBLE_EQ(metric(*metrics, "LOC_number"), 1);
  EXPECT_EQ(*outputs->predictionsText(data.table, data.columns), "B-PER I-PER O O\nI-PER\n");
  EXPECT_EQ(*outputs->predictionLines(data.table, data.columns),
            "{\"tokens\": [\"Jo\", \"Ke\", \"~\", \"saw\"], \"labels\": [\"B-PER\", \"I-PER\", "
            "\"O\", \"O\"]}\n{\"tokens\": [\"Roma\"], \"labels\": [\"I-PER\"]}\n");
  EXPECT_HAS(*outputs->report(), "strict mode (IOB2)");
}

TEST(TokenClassification, StrictIsLeftOutWhereItDoesNotApply) {
  Prepared data = prepare("a.conll", "a\tS-PER\nb\tO\n");
  auto encoded =
      encodeTable(task(), data.table, data.columns, data.labels, FakeTokenizer(), {});
  auto outputs = task().makeOutputs({encoded->examples, data.labels, data.table});
  EXPECT_HAS(outputs->metrics().status().message(), "no output for the example of line 1");
  std::vector<float> logits = {0, 1, 1, 0};
  ASSERT_TRUE(outputs->add(logits, 2, std::vector<OutputRow>{{0, 1}, {0, 2}}));
  EXPECT_EQ(metric(*outputs->metrics(), "strict_f1"), -1);
  EXPECT_DOUBLE_EQ(metric(*outputs->metrics(), "f1"), 1);
  EXPECT_FALSE(outputs->add(logits, 2, std::vector<OutputRow>{{0, 1}, {0, 9}}));
}

TEST(WordWindows, WantEveryWordOnceWithContext) {
  std::mt19937_64 random(11);
  FakeTokenizer tokenizer;
  for (int round = 0; round < 400; ++round) {
    std::vector<std::string> words;
    for (std::size_t i = random() % 60; i > 0; --i)
      words.push_back(random() % 9 == 0 ? "~" : std::string(1 + random() % 20, 'w'));
    Encoding whole = tokenizer.encodeWords(words, {}).take();
    std::int64_t limit = 3 + static_cast<std::int64_t>(random() % 30);
    auto windows = cutWordWindows(whole, limit);
    ASSERT_TRUE(windows);
    std::map<std::int32_t, int> wanted;
    for (const Example &window : *windows) {
      ASSERT_LE(window.tokens(), limit);
      ASSERT_EQ(window.ids.front(), 1);
      ASSERT_EQ(window.ids.back(), 2);
      ASSERT_EQ(window.labels.size(), window.ids.size());
      ASSERT_EQ(window.typeIds.size(), window.ids.size());
      for (std::size_t t = 0; t < window.ids.size(); ++t)
        if (window.labels[t] == 0) {
          ++wanted[window.wordIds[t]];
          ASSERT_NE(window.wordIds[t], window.wordIds[t - 1]);
        }
    }
    for (std::size_t word = 0; word < words.size(); ++word)
      ASSERT_EQ(wanted[static_cast<std::int32_t>(word)], words[word] == "~" ? 0 : 1) << word;
    ASSERT_LE(windows->size(), words.size() + 1);
  }
}

TEST(WordWindows, SharesContextAndSplitsItEvenly) {
  FakeTokenizer tokenizer;
  Encoding whole = tokenizer.encodeWords(Names(20, "a"), {}).take();
  auto windows = cutWordWindows(whole, 10); // room for 8 words, 2 of them shared
  ASSERT_TRUE(windows);
  ASSERT_EQ(windows->size(), 3u);
  EXPECT_EQ((*windows)[1].wordIds, (Ids{-1, 6, 7, 8, 9, 10, 11, 12, 13, -1}));
  EXPECT_EQ((*windows)[0].labels, (Ids{-100, 0, 0, 0, 0, 0, 0, 0, -100, -100}));
  EXPECT_EQ((*windows)[1].labels, (Ids{-100, -100, 0, 0, 0, 0, 0, 0, -100, -100}));
  EXPECT_EQ(cutWordWindows(whole, 0)->size(), 1u);
  EXPECT_HAS(cutWordWindows(whole, 2).status().message(), "--max_seq_length above the 2");
}

TEST(TokenClassification, PredictionReturnsEveryWord) {
  DataTable table = tableOf("a.conll", "one\ntwo\nthree\nfour\nfive\nsix\n\nseven\n");
  TaskColumns columns = task().findColumns(table, {}, false).take();
  EXPECT_EQ(columns.label, -1);
  auto encoded =
      encodeTableForPrediction(task(), table, columns, FakeTokenizer(), {.maxSeqLength = 5});
  ASSERT_TRUE(encoded) << encoded.status().message();
  EXPECT_GT(encoded->examples.size(), 2u);
  LabelSet labels(Names{"O", "B-X"});
  auto outputs = task().makeOutputs({encoded->examples, labels, table});
  std::vector<float> logits;
  std::vector<OutputRow> rows;
  for (std::size_t e = 0; e < encoded->examples.size(); ++e)
    for (std::int32_t t = 0; t < encoded->examples[e].tokens(); ++t)
      if (encoded->examples[e].labels[t] != kIgnoredLabel) {
        wish(logits, encoded->examples[e].wordIds[t] % 2, 2);
        rows.push_back({static_cast<std::int64_t>(e), t});
      }
  ASSERT_TRUE(outputs->add(logits, 2, rows));
  EXPECT_EQ(*outputs->predictionsText(table, columns), "O B-X O B-X O B-X\nO\n");
}

TEST(TagScheme, TellsSchemesApart) {
  auto scheme = [](std::vector<Names> sentences) {
    TagSchemeDetector detector;
    for (const Names &sentence : sentences)
      detector.addSentence(sentence);
    return detector.scheme();
  };
  EXPECT_EQ(scheme({{"B-X", "I-X", "O", "B-Y"}}), TagScheme::Iob2);
  EXPECT_EQ(scheme({{"B-X", "B-X", "I-X"}}), TagScheme::Iob2);
  EXPECT_EQ(scheme({{"I-X", "I-X", "B-X", "O"}, {"I-Y"}}), TagScheme::Iob1);
  EXPECT_EQ(scheme({{"I-X", "O", "B-X"}}), TagScheme::Mixed);
  EXPECT_EQ(scheme({{"B-X", "E-X", "O", "S-Y"}}), TagScheme::Bioes);
  EXPECT_EQ(scheme({{"B-X", "L-X", "O", "U-Y"}}), TagScheme::Bilou);
  EXPECT_EQ(scheme({{"NN", "VB", "O"}}), TagScheme::None);
  EXPECT_EQ(scheme({{"O"}}), TagScheme::None);
  Prepared data = prepare("a.conll", "a\tI-X\nb\tB-X\nc\tO\n");
  EXPECT_HAS(task().describeLabels(data.table, data.columns, data.labels), "follow IOB1");
  data = prepare("a.conll", kSample);
  EXPECT_EQ(task().describeLabels(data.table, data.columns, data.labels), "");
}

} // namespace
} // namespace ftc::rt
