// How much text an artifact can generate at once: prompts, new tokens, beams and their caches.
#pragma once

#include "compiler/plan/ProgramPlanner.h"
#include "runtime/support/Status.h"

#include "mlir/IR/BuiltinOps.h"

namespace ftc {

/// The flags of `ftc compile`; 0: not given.
struct GenerationFlags {
  std::int64_t maxSourceLength = 0, maxTargetLength = 0, maxBeams = 0;
};

/// In tokens, rows of `decode` and slots of the caches.
struct GenerationCapacity {
  std::int64_t source = 0;  ///< longest prompt, or an encoder-decoder's longest source
  std::int64_t target = 0;  ///< most new tokens, or tokens of a target with its start token
  std::int64_t longest = 0; ///< prompt and new tokens; an encoder-decoder's: target
  std::int64_t beams = 0;   ///< of one text
  std::int64_t rows = 0;    ///< beams that run at once
  std::int64_t slots = 0;   ///< at least what one text takes at its worst
  std::int64_t sourceSlots = 0; ///< the same for sources; 0: a decoder alone
};

/// Settles the capacities of a decoder whose @forward is in `module`. Defaults are 1024, 128
/// and 4, bounded by `maxSequence` (the longest input, which is prefilled) and by the model's
/// `positions`, of which a prompt by default leaves those of the new tokens, where they are no more
/// than half, or at least one. Slots: as many texts at their worst, up to 8, as 64 MiB of caches
/// hold, at least one. Fails (exit code 2) on flags that the model cannot follow.
rt::Result<GenerationCapacity> chooseGeneration(const GenerationFlags &flags,
                                                mlir::ModuleOp module, std::int64_t maxSequence,
                                                std::int64_t positions);

/// The same of an encoder-decoder, whose lengths are settled: sources and targets take slots of
/// their own, and the 64 MiB are those of both.
GenerationCapacity chooseTargetGeneration(const GenerationFlags &flags, mlir::ModuleOp module,
                                          std::int64_t maxSource, std::int64_t maxTarget);

/// Declares the symbols of `prefill` and `decode` with these capacities.
void declareGeneration(const GenerationCapacity &capacity, PlanSymbols &symbols);

} // namespace ftc
