// BatchFeed: hands a packed micro-batch to an executor: every array and symbol that the
// artifact knows by name, looked up once.
#pragma once

#include "runtime/executor/Executor.h"
#include "runtime/tasks/Batch.h"
#include "runtime/train/TouchedRows.h"

#include <span>
#include <vector>

namespace ftc::rt {

class BatchFeed {
public:
  /// `classWeights` are set once, where the artifact's loss has them. Batches to train on admit
  /// their token ids to `touched`; others give null.
  static Result<BatchFeed> make(Executor &executor, const BatchCapacity &capacity,
                                const BatchLayout &layout, std::span<const float> classWeights,
                                TouchedRows *touched);

  /// Packs `examples` (`firstSequence` is the first one's index within the accumulated batch)
  /// and sets all inputs and symbols. Allocates nothing.
  Status feed(std::span<const Example *const> examples, std::int64_t firstSequence);

  const Batch &batch() const { return packed; }

private:
  BatchFeed(Executor &executor, Batch packed)
      : executor(&executor), packed(std::move(packed)) {}

  struct Input {
    InputHandle handle;
    std::string name;
  };
  struct Symbol {
    SymbolHandle handle;
    std::string name;
  };
  Executor *executor;
  TouchedRows *touched = nullptr;
  Batch packed;
  std::vector<Input> inputs;
  InputHandle targets;
  std::vector<Symbol> symbols;
};

} // namespace ftc::rt
