// A program with everything resolved: addresses bound, equal size expressions merged, flat
// argument arrays. What a run walks over without looking anything up or allocating.
#pragma once

#include "runtime/artifact/ArtifactReader.h"
#include "runtime/devices/Device.h"
#include "runtime/support/Status.h"

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace ftc::rt {

/// Index into PreparedProgram::expressions.
using ExpressionId = std::uint32_t;

struct PreparedBuffer {
  std::byte *address = nullptr;
  std::int64_t elementBytes = 1;
  ExpressionId elements = 0;
  std::int64_t bytes = 0; // of the current run
  abi::Segment segment = abi::Segment::Arena;
};

struct PreparedCommand {
  abi::Action kind = abi::Action::NONE;
  int unlessSymbol = -1;
  std::uint32_t label = 0;
  std::uint32_t kernelIndex = 0; // of the variant; of a launch alone
  // Launch: ranges of the flat arrays.
  KernelHandle kernel;
  std::uint32_t buffersAt = 0, bufferCount = 0;
  std::uint32_t intsAt = 0, intCount = 0;
  std::uint32_t scalarsAt = 0, scalarCount = 0;
  ExpressionId grid = 0;
  std::uint32_t members = 0;  // of the group that this launch begins
  std::uint32_t rest = 0;     // members of its group behind it
  KernelHandle group;
  // Fill: destination; CopyBuffer: both. Indices of buffers.
  std::uint32_t source = 0, destination = 0;
  // Cost; -1: not known.
  std::int64_t flops = -1, costBytes = -1;
};

/// An input or output array of the program and the buffer that holds it.
struct BoundArray {
  std::uint32_t array = 0, buffer = 0;
};

class PreparedProgram {
public:
  /// Where a buffer of the program begins on the device, and, for inputs and outputs, which
  /// array it is (-1 otherwise).
  struct Binding {
    std::byte *address = nullptr;
    int array = -1;
  };
  using Binder = std::function<Binding(const abi::Buffer &)>;

  /// Resolves `program`, which the artifact reader has checked.
  static PreparedProgram make(const abi::Program &program, const Module &module,
                              std::uint32_t symbolCount, const Binder &bind);

  /// Evaluates every size for these symbol values. Fails, naming the buffer or command, when
  /// one overflows, is negative, or a copy's sides differ or overlap. Allocates nothing unless
  /// it fails.
  Status evaluateSizes(std::span<const std::int64_t> symbols);

  /// A guess at the single-thread time of a launch in the current run, from the sizes of its
  /// operands and its FLOPs where they are known.
  std::int64_t guessNanoseconds(const PreparedCommand &command) const;

  /// Bytes that a command moves at least in the current run: what its cost says, else each
  /// buffer of its operands once if it is read and once more if it is written.
  double bytesMoved(const PreparedCommand &command) const;

  /// Elements of a buffer in the current run.
  std::int64_t elementsOf(std::uint32_t buffer) const {
    return values[buffers[buffer].elements];
  }

  std::string name;
  std::vector<PreparedBuffer> buffers;
  std::vector<PreparedCommand> commands;
  std::vector<BoundArray> inputs, outputs;
  std::vector<std::uint32_t> usedSymbols, usedScalars;
  std::vector<std::string> labels;
  bool readsGradients = false; // which a program before it has left
  std::int64_t arenaBytes = 0;
  std::byte *arena = nullptr;

  // Flat arguments of all launches. `ints` are refilled by evaluateSizes, `scalars` by the run.
  std::vector<void *> pointers;
  std::vector<std::uint32_t> pointerBuffers; // the buffer behind each pointer
  std::vector<abi::Access> pointerAccess;    // what is done to it
  std::vector<ExpressionId> intSources;
  std::vector<std::int64_t> ints;
  std::vector<std::uint32_t> scalarSources;
  std::vector<double> scalars;
  std::vector<std::int64_t> values; // of expressions, in the current run

private:
  ExpressionId intern(const abi::Expr &expr);
  void addCommand(const abi::Command &command, const Module &module);
  void addLaunch(const abi::Launch &launch, const Module &module, PreparedCommand &prepared);
  bool findsGradients() const;
  std::string describe(const PreparedCommand &command) const;

  std::vector<const abi::Expr *> expressions;
  std::map<std::vector<std::int64_t>, ExpressionId> interned;
  std::map<std::string, std::uint32_t, std::less<>> labelIds;
  std::vector<bool> symbolUsed;
};

} // namespace ftc::rt
