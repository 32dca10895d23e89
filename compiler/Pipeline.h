// The one place that names the order of phases and passes, from nn forward to programs.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

#include <string>
#include <vector>

namespace ftc {

/// LoRA's settings, with PEFT's defaults; see ftc-apply-lora.
struct LoraOptions {
  std::int64_t r = 8;
  double alpha = 16, dropout = 0;
  std::vector<std::string> targetModules; ///< suffixes of module names, or all-linear
  std::vector<std::string> modulesToSave;
};

/// What selects and shapes passes.
struct PipelineOptions {
  std::string method = "full"; ///< full, lora, head, layers:K
  LoraOptions lora;
  std::string optimizer = "adamw";
  std::int64_t min8bitSize = 4096; ///< adamw8bit: smaller tensors keep f32 moments
  bool fusedUpdate = false;        ///< train_step instead of train_accumulate + apply
  bool frozenDropout = false;
  bool scarceMemory = false;   ///< a memory budget must be met
  bool roundedFactors = false; ///< products round their factors to bf16, and read such as well
  std::string spaces; ///< sizes that costs are estimated for: "tokens=2048,sequences=16"
  std::int64_t longestText =
      0; ///< makes prefill and decode for texts of so many tokens; 0: none
  std::int64_t longestSource = 0;    ///< beside it: tokens of an encoder-decoder's source
  std::vector<std::string> disabled; ///< optimization passes switched off, by name
  std::vector<std::string> plugged;  ///< phases that end with a plugin's pipeline
};

/// One named phase: the passes of its pipeline, in ftc-opt's syntax.
struct Phase {
  std::string name;
  std::vector<std::string> passes;
};

/// The phases in order. Fails on a disabled pass that does not exist or is not an optimization.
std::vector<Phase> pipelinePhases(const PipelineOptions &options);

/// What ends the phase "schedule" where a memory budget asks for it: ftc-recompute.
Phase recomputePhase(const PipelineOptions &options, double price, double slope);

/// What ends the phase "plan", on plans: ftc-overlay-gradients, unless it is switched off.
Phase planPhase(const PipelineOptions &options);

/// Names of passes that `--disable` takes.
std::vector<std::string> optimizationPasses();

/// The phases whose passes a plugin may add to, and its pipeline for one of them. It runs
/// behind the phase's own passes; what verifies the phase runs behind it.
std::vector<std::string> pluginPhases();
std::string pluginPipeline(const std::string &phase);

/// Names of all phases that `--emit` takes, those after the passes included.
std::vector<std::string> emitPhases();

/// Runs one phase on a module; diagnostics go to the context's handler.
mlir::LogicalResult runPhase(mlir::ModuleOp module, const Phase &phase);

} // namespace ftc
