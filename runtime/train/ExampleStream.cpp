// The encoding thread publishes examples one by one; readers spin on nothing and lock only
// when they must wait.
#include "runtime/train/ExampleStream.h"

#include "runtime/support/Threads.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <system_error>

namespace ftc::rt {

/// What `encode` says; a thread that runs it ends with a status, whatever memory there is.
template <typename Encode> static Status withinMemory(const Encode &encode) {
  try {
    return encode();
  } catch (const std::bad_alloc &) {
    return Status::error("out of memory while texts were tokenized");
  }
}

std::unique_ptr<ExampleStream> ExampleStream::start(const EncodeSource &source,
                                                    std::vector<std::int64_t> rows,
                                                    std::vector<std::int64_t> order) {
  std::unique_ptr<ExampleStream> stream(
      new ExampleStream(source, std::move(rows), std::move(order)));
  try {
    stream->worker = std::thread([raw = stream.get()] { raw->encodeAll(); });
  } catch (const std::system_error &) {
    stream->encodeAll(); // the system gives no more threads: before the first step, not beside it
  }
  return stream;
}

std::unique_ptr<ExampleStream> ExampleStream::of(std::vector<Example> examples) {
  return std::unique_ptr<ExampleStream>(new ExampleStream(std::move(examples)));
}

ExampleStream::ExampleStream(std::vector<Example> encodedAlready)
    : examples(std::move(encodedAlready)), complete(true),
      encoded(static_cast<std::int64_t>(examples.size())), finished(true) {
  for (const Example &example : examples)
    countCuts(example);
}

ExampleStream::ExampleStream(const EncodeSource &source, std::vector<std::int64_t> rows,
                             std::vector<std::int64_t> order)
    : source(source), rows(std::move(rows)), order(std::move(order)),
      examples(source.task->windowed() ? 0 : this->rows.size()),
      ready(source.task->windowed() ? nullptr : new std::atomic<bool>[this->rows.size()]) {
  for (std::size_t i = 0; ready && i < this->rows.size(); ++i)
    ready[i].store(false, std::memory_order_relaxed);
}

ExampleStream::~ExampleStream() {
  stop = true;
  if (worker.joinable())
    worker.join();
}

void ExampleStream::encodeAll() {
  Status status = withinMemory(
      [this] { return source.task->windowed() ? encodeWindows() : encodeInOrder(); });
  std::lock_guard<std::mutex> lock(mutex);
  complete.store(status && !stop, std::memory_order_release);
  failure = std::move(status);
  finished = true;
  changed.notify_all();
}

void ExampleStream::countCuts(const Example &example) {
  cutExamples += example.truncated > 0;
  cutTokens += example.truncated;
  cutTargets += example.truncatedTarget > 0;
  cutTargetTokens += example.truncatedTarget;
}

Status ExampleStream::encodeInOrder() {
  for (std::size_t i = 0; i < rows.size() && !stop; ++i) {
    std::size_t index = order.empty() ? i : static_cast<std::size_t>(order[i]);
    FTC_ASSIGN_OR_RETURN(Example example,
                         source.task->encode(*source.table, rows[index], source.columns,
                                             *source.labels, *source.tokenizer,
                                             source.settings));
    FTC_RETURN_IF_ERROR(checkTokens(*source.table, example));
    countCuts(example);
    examples[index] = std::move(example);
    ready[index].store(true, std::memory_order_release);
    ++encoded;
    // Whoever waits looks again now and then, so only every so many examples wake it.
    if (i % 16 == 15) {
      std::lock_guard<std::mutex> lock(mutex);
      changed.notify_all();
    }
  }
  return Status::ok();
}

/// Threads take rows in turn; the first bad row in the file's order is the one reported.
Status ExampleStream::encodeWindows() {
  std::vector<std::vector<Example>> parts(rows.size());
  std::atomic<std::size_t> next{0}, bad{rows.size()};
  std::mutex failing;
  Status first;
  auto work = [&] {
    for (std::size_t i; (i = next++) < bad && !stop;) {
      Status status = withinMemory([&] {
        return source.task->encodeExamples(*source.table, rows[i], source.columns,
                                           *source.labels, *source.tokenizer, source.settings,
                                           parts[i]);
      });
      if (status)
        continue;
      std::lock_guard<std::mutex> lock(failing);
      if (i < bad) {
        bad = i;
        first = std::move(status);
      }
    }
  };
  runOnThreads(source.threads, [&](unsigned) { work(); });
  FTC_RETURN_IF_ERROR(std::move(first));
  std::size_t count = 0;
  for (const std::vector<Example> &part : parts)
    count += part.size();
  if (source.mostExamples >= 0)
    count = std::min(count, static_cast<std::size_t>(source.mostExamples));
  examples.reserve(count);
  for (std::vector<Example> &part : parts)
    for (Example &example : part) {
      if (examples.size() == count)
        break;
      countCuts(example);
      ++encoded;
      examples.push_back(std::move(example));
    }
  return Status::ok();
}

Result<const Example *> ExampleStream::get(std::int64_t index) {
  std::size_t i = static_cast<std::size_t>(index);
  auto there = [&] {
    return ready ? ready[i].load(std::memory_order_acquire)
                 : complete.load(std::memory_order_acquire);
  };
  if (!there()) {
    std::unique_lock<std::mutex> lock(mutex);
    while (!there() && !finished)
      changed.wait_for(lock, std::chrono::milliseconds(1));
    if (!there())
      return failure ? Status::error("encoding stopped early") : failure;
  }
  return static_cast<const Example *>(&examples[i]);
}

Result<bool> ExampleStream::wait(double seconds) {
  std::unique_lock<std::mutex> lock(mutex);
  auto done = [this] { return finished; };
  if (seconds < 0)
    changed.wait(lock, done);
  else if (!changed.wait_for(lock, std::chrono::duration<double>(seconds), done))
    return false;
  if (!failure)
    return failure;
  return true;
}

namespace {

bool isText(const DataTable &table, std::int64_t row, int column) {
  return column < 0 || table.kind(row, column) == CellKind::Text;
}

bool looksGood(const EncodeSource &source, std::int64_t row) {
  const DataTable &table = *source.table;
  bool text =
      source.task->labelPlacement() == LabelPlacement::Token
          ? table.kind(row, source.columns.text) == CellKind::TextList
          : isText(table, row, source.columns.text) && isText(table, row, source.columns.pair);
  return text && source.task->knowsLabels(table, row, source.columns, *source.labels);
}

} // namespace

Status checkRows(const EncodeSource &source) {
  if (!source.task->hasLabelSet())
    return source.task->checkTable(*source.table, source.columns, source.settings);
  for (std::int64_t row = 0; row < source.table->rows(); ++row) {
    if (looksGood(source, row))
      continue;
    Result<Example> example = source.task->encode(
        *source.table, row, source.columns, *source.labels, *source.tokenizer, source.settings);
    if (!example)
      return example.takeStatus();
  }
  return Status::ok();
}

} // namespace ftc::rt
