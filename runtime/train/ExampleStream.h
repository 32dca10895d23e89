// ExampleStream: a table's rows, encoded by a thread of their own in the order in which they
// will first be wanted, so that training begins before the whole file is tokenized. Rows that
// give several examples (windows) are encoded whole before the first is there: only then is
// their number known.
#pragma once

#include "runtime/tasks/Task.h"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

namespace ftc::rt {

/// What encoding reads; all of it must outlive the stream.
struct EncodeSource {
  const Task *task = nullptr;
  const DataTable *table = nullptr;
  TaskColumns columns;
  const LabelSet *labels = nullptr;
  const Tokenizer *tokenizer = nullptr;
  EncodeSettings settings;
  unsigned threads = 1;           ///< for windowed tasks; changes no result
  std::int64_t mostExamples = -1; ///< windowed tasks: as many from the beginning; -1: all
};

class ExampleStream {
public:
  /// Example i is row rows[i] of the table; windowed tasks: the examples are the windows of
  /// rows[0], then those of rows[1], and so on. Encoding begins at once, in the order of
  /// `order` (a permutation of 0 … rows - 1; empty, and for windowed tasks: as they are).
  static std::unique_ptr<ExampleStream> start(const EncodeSource &source,
                                              std::vector<std::int64_t> rows,
                                              std::vector<std::int64_t> order);
  /// A stream of what is encoded already.
  static std::unique_ptr<ExampleStream> of(std::vector<Example> examples);
  /// Stops encoding and waits for the thread.
  ~ExampleStream();

  /// Number of examples; windowed tasks: once wait() gave true.
  std::int64_t size() const { return static_cast<std::int64_t>(examples.size()); }
  /// Example `index`, waiting until it is there; the first encoding error of the file, if
  /// there was one before it. Allocates nothing.
  Result<const Example *> get(std::int64_t index);
  /// Waits at most `seconds` (negative: without limit). True when all examples are there;
  /// false when it takes longer; an error if encoding failed.
  Result<bool> wait(double seconds);
  /// All examples, once wait() gave true.
  std::span<const Example> all() const { return examples; }
  /// The same, which the stream has no longer.
  std::vector<Example> take() { return std::move(examples); }
  /// What was cut of the encodedExamples() so far; of all of them once wait() gave true.
  Cuts cuts() const { return {cutExamples, cutTokens, cutTargets, cutTargetTokens}; }
  std::int64_t encodedExamples() const { return encoded; }

private:
  ExampleStream(const EncodeSource &source, std::vector<std::int64_t> rows,
                std::vector<std::int64_t> order);
  explicit ExampleStream(std::vector<Example> encoded);
  void encodeAll();
  Status encodeInOrder();
  Status encodeWindows();

  EncodeSource source;
  std::vector<std::int64_t> rows, order;
  std::vector<Example> examples;
  std::unique_ptr<std::atomic<bool>[]> ready; ///< [rows]; null for windowed tasks
  std::atomic<bool> complete{false};          ///< every example is there
  void countCuts(const Example &example);

  std::atomic<std::int64_t> cutExamples{0}, cutTokens{0}, cutTargets{0}, cutTargetTokens{0};
  std::atomic<std::int64_t> encoded{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::condition_variable changed;
  bool finished = false; ///< under mutex
  Status failure;        ///< under mutex
  std::thread worker;
};

/// Checks texts and labels of all rows without encoding them: the first bad one is the error
/// that Task::encode gives, with its line. Missing label columns pass.
Status checkRows(const EncodeSource &source);

} // namespace ftc::rt
