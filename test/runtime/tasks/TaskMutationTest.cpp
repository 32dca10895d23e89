// 10^4 seeded mutants of each format through a whole task: columns, labels, examples, packing
// and outputs. Each ends in predictions or in one short line.
#include "FakeTokenizer.h"

#include "runtime/tasks/Batch.h"
#include "runtime/tasks/Task.h"

#include <random>

namespace ftc::rt {
namespace {

/// Runs a table through the task of that name that fits its labels; outputs are made up. Returns
/// the first error.
Status runTask(const Task &named, const DataTable &table, const ColumnFlags &flags) {
  FTC_ASSIGN_OR_RETURN(TaskColumns columns, named.findColumns(table, flags, true));
  FTC_ASSIGN_OR_RETURN(const Task *fitting, named.forData(table, columns));
  const Task &task = *fitting;
  FTC_ASSIGN_OR_RETURN(LabelSet labels, task.collectLabels(table, columns, {}));
  FakeTokenizer tokenizer;
  EncodeSettings settings;
  settings.maxSeqLength = 8;
  settings.questions.docStride = 1;
  FTC_RETURN_IF_ERROR(task.checkTable(table, columns, settings));
  FTC_ASSIGN_OR_RETURN(EncodedTable encoded,
                       encodeTable(task, table, columns, labels, tokenizer, settings));
  task.describeLabels(table, columns, labels);
  BatchLayout layout{task.labelPlacement(), 2};
  layout.targetWidth = task.targetWidth(labels);
  FTC_ASSIGN_OR_RETURN(Batch batch, Batch::make({16, 2, 16}, layout));
  std::vector<const Example *> list;
  for (const Example &example : encoded.examples)
    list.push_back(&example);
  std::vector<MicroBatch> parts;
  FTC_RETURN_IF_ERROR(
      splitMicroBatches(list, batch.capacity(), task.labelPlacement(), parts));
  std::unique_ptr<TaskOutputs> outputs =
      task.makeOutputs({encoded.examples, labels, table, columns});
  std::vector<float> logits;
  std::vector<OutputRow> rows;
  for (const MicroBatch &part : parts) {
    FTC_RETURN_IF_ERROR(
        batch.pack(std::span(list).subspan(part.begin, part.end - part.begin), part.begin));
    rows.clear();
    bool spans = task.labelPlacement() == LabelPlacement::Span;
    for (std::int64_t row = 0; row < (spans ? batch.tokens() : batch.labelled()); ++row)
      rows.push_back(spans ? batch.tokenOutput(row) : batch.labelledOutput(row));
    logits.assign(rows.size() * task.outputWidth(labels), 0.5f);
    FTC_RETURN_IF_ERROR(outputs->add(logits, task.outputWidth(labels), rows));
  }
  FTC_RETURN_IF_ERROR(outputs->metrics().takeStatus());
  FTC_RETURN_IF_ERROR(outputs->report().takeStatus());
  FTC_RETURN_IF_ERROR(outputs->predictionsText(table, columns).takeStatus());
  FTC_RETURN_IF_ERROR(outputs->files().takeStatus());
  return outputs->predictionLines(table, columns).takeStatus();
}

std::string mutate(std::string bytes, std::mt19937_64 &random) {
  static const std::string kPieces = "\",\t\n[]{}:O-BIé01 ~";
  for (int edits = 1 + static_cast<int>(random() % 3); edits > 0 && !bytes.empty(); --edits) {
    std::size_t at = random() % bytes.size();
    char piece = kPieces[random() % kPieces.size()];
    if (random() % 3 == 0)
      bytes.erase(at, 1 + random() % 4);
    else if (random() % 2 == 0)
      bytes[at] = piece;
    else
      bytes.insert(at, 1, piece);
  }
  return bytes;
}

TEST(TaskMutation, EveryMutantEndsInPredictionsOrOneLine) {
  struct Seed {
    const char *task, *name, *bytes;
    ColumnFlags flags{};
  };
  const Seed seeds[] = {
      {"text-classification", "m.csv", "text,label\n\"one, two\",x\nthree,y\nfour five,x\n"},
      {"text-classification", "m.tsv", "sentence1\tsentence2\tlabel\na\tb\t0\nc\td\t1\n"},
      {"text-classification", "m.json",
       "[{\"text\": \"abc\", \"label\": 1}, {\"text\": \"d\", \"label\": 0}]"},
      {"text-classification", "m.jsonl",
       "{\"text\": \"abc\", \"label\": [\"x\", \"y\"]}\n{\"text\": \"d\", \"label\": []}\n"},
      {"text-classification", "m.csv", "text,label\nabc,\"[\"\"x\"\", 1]\"\nd,[]\nef,[2]\n"},
      {"text-classification", "m.tsv", "text\tlabel\nabc\tx;y\nd\t\nef\ty\n",
       {.labelDelimiter = ";"}},
      {"text-classification", "m.csv", "text,x,y\nabc,1,0\nd,0,0\nef,1,1\n",
       {.labelColumnName = "x,y"}},
      {"text-classification", "m.csv", "text,label\nabc,1.5\nd,-2\nef,1e3\n"},
      {"text-classification", "m.jsonl",
       "{\"text\": \"abc\", \"label\": 0.25}\n{\"text\": \"d\", \"label\": 3}\n"},
      {"token-classification", "m.conll", "Joh\tB-PER\nKe\tI-PER\nsaw\tO\n\nRoma\tB-LOC\n"},
      {"token-classification", "m.jsonl",
       "{\"tokens\": [\"a\", \"bcde\"], \"ner_tags\": [0, 1]}\n"
       "{\"tokens\": [\"f\"], \"ner_tags\": [2]}\n"},
      {"question-answering", "m.jsonl",
       "{\"id\": \"a\", \"question\": \"who?\", \"context\": \"it was Jo here\", "
       "\"answers\": {\"text\": [\"Jo\"], \"answer_start\": [7]}}\n"},
      {"question-answering", "m.csv",
       "question,context,answers.text,answers.answer_start\nwho?,it was Jo,Jo,7\n"},
  };
  std::mt19937_64 random(31);
  for (const Seed &seed : seeds) {
    const Task &task = **findTask(seed.task);
    ASSERT_TRUE(runTask(task, tableOf(seed.name, seed.bytes), seed.flags)) << seed.bytes;
    int passed = 0, refused = 0;
    for (int i = 0; i < 10000; ++i) {
      Result<DataTable> table = parseData(seed.name, mutate(seed.bytes, random));
      Status status = table ? runTask(task, *table, seed.flags) : table.takeStatus();
      (status ? passed : refused) += 1;
      ASSERT_LE(status.message().size(), 500u) << status.message();
      ASSERT_EQ(status.message().find('\n'), std::string::npos) << status.message();
    }
    // Both verdicts must occur, or the mutants test nothing.
    EXPECT_GT(passed, 200) << seed.name;
    EXPECT_GT(refused, 500) << seed.name;
  }
}

} // namespace
} // namespace ftc::rt
