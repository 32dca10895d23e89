// What a training method takes, before anything is trained: the exact memory of its plan, and
// what its commands compute and move for a batch. Nothing is written and no kernel compiled.
#pragma once

#include "compiler/Compile.h"

#include "mlir/IR/BuiltinOps.h"

#include <map>
#include <string>
#include <vector>

namespace ftc {

/// Batches as a run may bring them: so many sequences, each as long.
struct TypicalBatch {
  std::int64_t sequences = 8;
  std::int64_t tokens = 128; ///< of a sequence; of a source where there are targets apart
  std::int64_t targets = 32; ///< of a target, for encoder-decoders
};

/// A symbol's value for a batch (runtime/tasks/Batch.h says what each means); `labelledTokens`:
/// every token has a label, else a sequence has one.
std::int64_t symbolValue(llvm::StringRef name, const TypicalBatch &batch, bool labelledTokens);

/// One launch: its floating-point operations, and the bytes that it reads and writes at least.
struct CommandCost {
  double flops = 0, bytes = 0;
  bool attention = false; ///< softmax takes a part of its time
};

struct MethodCost {
  std::int64_t parameters = 0, trainable = 0;
  /// The most that a run holds, in bytes: `ftc inspect --memory`'s `peak_bytes`, and, where a
  /// step takes several micro-batches, `peak_bytes_of_several_micro_batches`.
  std::int64_t peakBytes = 0, severalPeakBytes = 0;
  std::int64_t maxSequence = 0, maxTokens = 0;
  bool severalMicroBatches = false; ///< the typical batch is one of them
  /// The commands of each program for the typical batch: "train_accumulate", "apply", …
  std::map<std::string, std::vector<CommandCost>> programs;
};

/// Plans `options` as `compile` does (its output is not written, its notes are not printed,
/// weights are not read) and adds up the first variant's commands.
rt::Result<MethodCost> methodCost(const CompileOptions &options, const TypicalBatch &batch);

/// What a machine does in a second, measured.
struct MachineSpeed {
  double flops = 0; ///< multiply-adds' FLOP/s of all threads, in f32 or bf16
  double bytes = 0; ///< of memory, all threads
  unsigned threads = 1;
};
/// Takes about 0.3 s. `bf16`: of pairs of bf16 factors, 0 where the CPU has no such
/// instruction.
MachineSpeed measureMachine(unsigned threads, bool bf16);

/// Whether a program is the part of a step that runs forward and backward.
bool makesGradients(llvm::StringRef program);

/// Seconds that a program's commands take: each what it computes at the share of the peak that
/// such kernels reach (docs/performance.md: 78 % of products, 42 % of attention), or what it
/// moves at 90 % of the memory's speed, whichever is longer.
double estimateSeconds(const std::vector<CommandCost> &commands, const MachineSpeed &machine);
/// A step with gradients of `methodCost`'s batch: trunk, training program and update.
double estimateStepSeconds(const MethodCost &cost, const MachineSpeed &machine);
/// The same where a frozen trunk's results are kept from the epoch before.
double estimateLaterStepSeconds(const MethodCost &cost, const MachineSpeed &machine);

/// The commands of the first variant of a planned module, by program.
std::map<std::string, std::vector<CommandCost>>
commandCosts(mlir::ModuleOp module, const TypicalBatch &batch, bool labelledTokens);

} // namespace ftc
