// Windows of rows become examples in the file's order, whatever the number of threads; the
// first bad row is the error.
#include "runtime/train/ExampleStream.h"
#include "test/runtime/tasks/FakeTokenizer.h"

#include <atomic>
#include <gtest/gtest.h>
#include <new>
#include <numeric>

namespace ftc::rt {
namespace {

/// Questions whose contexts have 3, 6, 9 … words; `bad` has an answer that is not there.
std::string questions(int count, int bad) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    std::string context;
    for (int word = 0; word < 3 * (1 + i % 7); ++word)
      context += "ab ";
    text += "{\"id\": \"" + std::to_string(i) + "\", \"question\": \"who\", \"context\": \"" +
            context + "\", \"answers\": {\"text\": [\"ab\"], \"answer_start\": [" +
            (i == bad ? "1" : "3") + "]}}\n";
  }
  return text;
}

struct Questions {
  explicit Questions(int count, int bad = -1)
      : task(**findTask("question-answering")),
        table(tableOf("a.jsonl", questions(count, bad))),
        columns(task.findColumns(table, {}, true).take()), rows(table.rows()) {
    for (std::size_t i = 0; i < rows.size(); ++i)
      rows[i] = static_cast<std::int64_t>(i);
  }

  EncodeSource source(unsigned threads, std::int64_t most = -1) const {
    EncodeSource source{&task, &table, columns, &labels, &tokenizer, {}};
    source.settings.maxSeqLength = 8;
    source.settings.questions.docStride = 1;
    source.settings.forOutputs = false;
    source.threads = threads;
    source.mostExamples = most;
    return source;
  }

  const Task &task;
  DataTable table;
  TaskColumns columns;
  std::vector<std::int64_t> rows;
  LabelSet labels;
  FakeTokenizer tokenizer;
};

TEST(ExampleStream, WindowsInTheFilesOrder) {
  Questions data(40);
  std::vector<std::vector<std::int32_t>> first;
  std::vector<std::int64_t> firstRows;
  for (unsigned threads : {1u, 2u, 5u}) {
    auto stream = ExampleStream::start(data.source(threads), data.rows, {});
    auto last = stream->get(0);
    ASSERT_TRUE(last) << last.status().message();
    Result<bool> done = stream->wait(-1);
    ASSERT_TRUE(done && *done);
    ASSERT_GT(stream->size(), 2 * 40);
    std::vector<std::vector<std::int32_t>> ids;
    std::vector<std::int64_t> rows;
    for (const Example &example : stream->all()) {
      ids.push_back(example.ids);
      rows.push_back(example.row);
      EXPECT_TRUE(example.offsets.empty());
    }
    EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end()));
    if (threads == 1) {
      first = ids;
      firstRows = rows;
    }
    EXPECT_EQ(ids, first);
    EXPECT_EQ(rows, firstRows);
  }
}

TEST(ExampleStream, KeepsAsManyWindowsAsAsked) {
  Questions data(12);
  auto stream = ExampleStream::start(data.source(2, 7), data.rows, {});
  Result<bool> done = stream->wait(-1);
  ASSERT_TRUE(done && *done);
  EXPECT_EQ(stream->size(), 7);
}

TEST(ExampleStream, GoesOnFromWhatIsEncoded) {
  std::vector<Example> examples(3);
  for (std::int64_t i = 0; i < 3; ++i)
    examples[i].row = 10 * i;
  examples[1].truncated = 4;
  auto stream = ExampleStream::of(std::move(examples));
  EXPECT_TRUE(*stream->wait(0));
  EXPECT_EQ(stream->size(), 3);
  EXPECT_EQ(stream->encodedExamples(), 3);
  EXPECT_EQ(stream->cuts().examples, 1);
  EXPECT_EQ(stream->cuts().tokens, 4);
  EXPECT_EQ((*stream->get(2))->row, 20);
  EXPECT_EQ(stream->take().size(), 3u);
}

TEST(ExampleStream, TheFirstBadRowIsTheError) {
  for (unsigned threads : {1u, 4u}) {
    Questions data(60, 23);
    auto stream = ExampleStream::start(data.source(threads), data.rows, {});
    Result<bool> done = stream->wait(-1);
    ASSERT_FALSE(done);
    EXPECT_HAS(done.status().message(), "line 24: question '23': expected the answer 'ab'");
    EXPECT_FALSE(stream->get(0));
  }
}

/// There is no memory for the `failing`th text, nor for those behind it.
class HungryTokenizer final : public FakeTokenizer {
public:
  explicit HungryTokenizer(int failing) : left(failing) {}
  Result<Encoding> encode(std::string_view text, const EncodeOptions &options) const override {
    take();
    return FakeTokenizer::encode(text, options);
  }
  Result<std::vector<Encoding>> encodeWindows(std::string_view first, std::string_view second,
                                              const EncodeOptions &options,
                                              std::int64_t overlap) const override {
    take();
    return FakeTokenizer::encodeWindows(first, second, options, overlap);
  }

private:
  void take() const {
    if (--left < 0)
      throw std::bad_alloc();
  }
  mutable std::atomic<int> left;
};

TEST(ExampleStream, NoMemoryIsAnError) {
  const char *message = "out of memory while texts were tokenized";
  HungryTokenizer tokenizer(9);
  for (unsigned threads : {1u, 4u}) {
    Questions data(60);
    EncodeSource source = data.source(threads);
    source.tokenizer = &tokenizer;
    auto stream = ExampleStream::start(source, data.rows, {});
    Result<bool> done = stream->wait(-1);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.status().message(), message);
  }
  const Task &task = **findTask("text-classification");
  std::string rows = "text,label\n";
  for (int i = 0; i < 20; ++i)
    rows += "ab cd,x\n";
  DataTable table = tableOf("a.csv", rows);
  TaskColumns columns = task.findColumns(table, {}, true).take();
  LabelSet labels({"x"});
  HungryTokenizer other(5);
  EncodeSource source{&task, &table, columns, &labels, &other, {}};
  std::vector<std::int64_t> order(20);
  std::iota(order.begin(), order.end(), 0);
  auto stream = ExampleStream::start(source, order, {});
  Result<bool> done = stream->wait(-1);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.status().message(), message);
  EXPECT_TRUE(stream->get(4)) << "what was there before stays";
  EXPECT_EQ(stream->get(5).status().message(), message);
}

} // namespace
} // namespace ftc::rt
