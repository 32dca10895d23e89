// BatchFeed: hands a packed micro-batch to an executor: every array and symbol that the
// artifact knows by name, looked up once.
#pragma once

#include "runtime/executor/Executor.h"
#include "runtime/tasks/Batch.h"
#include "runtime/train/Session.h"

#include <span>
#include <vector>

namespace ftc::rt {

/// What batches are fed for.
enum class FeedFor { Training, Evaluation };

class BatchFeed {
public:
  /// Of the session's executor, which must outlive it; its class weights are set once, where the
  /// artifact's loss has them. Rows of embedding tables that a batch names are read into memory,
  /// and with FeedFor::Training get a gradient.
  static Result<BatchFeed> make(Session &session, const BatchLayout &layout, FeedFor purpose);

  /// Packs `examples` (`firstSequence` is the first one's index within the accumulated batch)
  /// and sets all inputs and symbols. Allocates nothing.
  Status feed(std::span<const Example *const> examples, std::int64_t firstSequence);

  const Batch &batch() const { return packed; }

private:
  BatchFeed(Session &session, FeedFor purpose, Batch packed)
      : session(&session), executor(session.executor.get()), purpose(purpose),
        packed(std::move(packed)) {}

  struct Input {
    InputHandle handle;
    std::string name;
  };
  struct Symbol {
    SymbolHandle handle;
    std::string name;
  };
  Session *session;
  Executor *executor;
  FeedFor purpose;
  Batch packed;
  std::vector<Input> inputs;
  InputHandle targets;
  std::vector<Symbol> symbols;
};

} // namespace ftc::rt
