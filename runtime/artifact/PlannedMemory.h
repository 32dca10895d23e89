// What a plan's segments hold at once, in bytes, before a run; what one run allocates, with its
// inputs, outputs and scratch of so many threads, is the executor's to say.
#pragma once

#include "runtime/abi/artifact_generated.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace ftc::rt {

/// The segments of one program, 0 for those that it does not touch.
struct ProgramMemory {
  std::string name;
  std::int64_t params = 0, gradients = 0, moments = 0, arena = 0, state = 0;
  bool trains = false; ///< it touches gradients, which may lie in the arena, or moments

  /// What must be resident while the program runs.
  std::int64_t peak() const { return params + gradients + moments + arena + state; }
};

/// Where gradients lie: in the arena, where the plan has a place for them there, or apart from
/// it, as every step of several micro-batches needs.
enum class GradientPlace { Arena, Apart };

/// The programs of one variant.
struct VariantMemory {
  /// Sizes of the segments that programs share, without memory that is reserved for rows of
  /// embedding tables and never written.
  std::int64_t params = 0, gradients = 0, moments = 0, state = 0;
  /// What an arena takes that holds the gradients; 0: none does.
  std::int64_t overlaidArena = 0;
  std::vector<ProgramMemory> programs;

  /// Adds a program that touches these segments.
  void add(std::string name, std::int64_t arena, bool gradientsToo, bool momentsToo,
           bool stateToo);

  /// What training holds beside its arena: parameters, and gradients and moments where a
  /// program touches them.
  std::int64_t trainingState() const;
  /// The largest arena of the programs of training and evaluation.
  std::int64_t trainingArena() const;
  /// The most that a run holds: one that trains, or, where that is more, one that writes texts
  /// alone, with caches instead of gradients and moments. One that does both, to score
  /// validation data by written texts or with a test file, holds the caches (`state`) beside
  /// them.
  std::int64_t peak() const;
};

/// Where gradients end in an arena that holds them: of `trainable` elements those from `from`
/// on lie from byte `at` on, the compact ones before from byte `compactAt` on.
std::int64_t overlaidEnd(std::int64_t trainable, std::int64_t from, std::int64_t at,
                         std::int64_t compactAt);
/// The same of a variant; 0: they do not lie there.
std::int64_t overlaidEnd(const abi::Variant &variant);

/// The memory of an artifact's variant, as it was planned.
VariantMemory memoryOf(const abi::Variant &variant, GradientPlace place = GradientPlace::Arena);

} // namespace ftc::rt
