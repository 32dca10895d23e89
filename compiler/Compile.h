// `ftc compile` as a function: a checkpoint, a task and data to look at become an artifact.
#pragma once

#include "compiler/Adapter.h"
#include "compiler/GenerationCapacity.h"
#include "compiler/Pipeline.h"
#include "runtime/support/Status.h"
#include "runtime/tasks/Task.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ftc {

/// The flags of `ftc compile`, checked for range by the command line.
struct CompileOptions {
  std::string model;
  std::string task;
  std::vector<std::string> trainFile; ///< one, or two of parallel text; empty: none
  rt::ColumnFlags columns;
  std::vector<std::string> labels;
  std::string output;
  std::string emit = "artifact";
  std::string target = "cpu"; ///< or cuda
  std::vector<std::string> cpus{"native"};
  std::vector<std::string> gpus; ///< of the target cuda; empty: sm_80 and sm_90
  std::string precision = "fp32"; ///< of products: fp32, bf16, or auto: bf16 where it is native
  std::int64_t maxSequenceLength = 0; ///< 0: from the model
  std::int64_t maxTokens = 0;         ///< 0: auto
  std::int64_t memoryBudget = 0;      ///< bytes, 0: none
  bool labelAllTokens = false;
  std::optional<std::string> sourcePrefix; ///< put before every source
  bool remarks = false;
  bool quiet = false; ///< neither notes nor the summary on stderr
  GenerationFlags generation; ///< of tasks that write texts, and of tasks with targets
  LoraFlags lora;       ///< of method lora
  std::string basePath; ///< an adapter's base model; empty: where the adapter says it lies
  PipelineOptions pipeline;
};

/// Fails on a --cpu or --gpu that there is none of, as `compile` does before it reads anything.
rt::Status checkTarget(const CompileOptions &options);

/// Compiles and writes `options.output`, or prints an earlier phase to stdout. Notes and the
/// summary go to stderr. Nothing is written on failure.
rt::Status compile(const CompileOptions &options);

} // namespace ftc
