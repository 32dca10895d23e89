// TrunkCache: what the frozen part of a model gives for each example, from one epoch to the next.
#pragma once

#include "runtime/executor/Executor.h"
#include "runtime/support/ScratchFile.h"
#include "runtime/tasks/Batch.h"

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace ftc::rt {

/// The program's name, and that of what `evaluate` does behind it.
constexpr const char *kTrunk = "trunk", *kEvaluateHead = "evaluate_head";

/// The outputs `trunk.0`, `trunk.1`, ... of the program `trunk` (ftc-cache-trunk) are inputs of
/// the training program. They are the same for an example whatever is around it, and whenever it
/// comes, so they are computed once and kept in a ScratchFile. Not thread-safe.
class TrunkCache {
public:
  /// Null where the program is not prepared. Keeps nothing yet: each batch runs the program.
  static Result<std::unique_ptr<TrunkCache>> make(Executor &executor,
                                                  const BatchCapacity &capacity);

  /// Keeps what is computed from now on, in a file in `directory`.
  Status keepIn(const std::string &directory);

  /// Sets the inputs for `examples`, which `batch` holds and whose other arrays are set. Examples
  /// are known by their addresses: these must be theirs alone as long as this lives.
  Status provide(const Batch &batch, std::span<const Example *const> examples);

  std::int64_t keptExamples() const { return static_cast<std::int64_t>(entries.size()); }
  std::int64_t keptBytes() const { return file ? file->bytes() : 0; }
  /// Whether there was no room for an example.
  bool isFull() const { return full; }

private:
  /// One of the program's outputs.
  struct Value {
    OutputHandle output;
    InputHandle input;
    std::string offsets;       ///< the batch array that says where an example's rows begin
    std::int64_t width = 0;    ///< floats of a row
    std::vector<float> joined; ///< of kept examples, at capacity
  };

  TrunkCache(Executor &executor, ProgramHandle program) : executor(executor), program(program) {}
  Status compute(const Batch &batch, std::span<const Example *const> examples);
  void keep(const Batch &batch, const Example *example, std::size_t sequence);

  Executor &executor;
  ProgramHandle program;
  std::vector<Value> values;
  std::unique_ptr<ScratchFile> file;
  std::unordered_map<const Example *, std::vector<std::span<const float>>> entries;
  bool full = false;
};

} // namespace ftc::rt
