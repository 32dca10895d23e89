// Runs the programs of one variant of an artifact on one device: everything is allocated and
// resolved when it is created; a steady run evaluates sizes and walks a flat list of commands.
#pragma once

#include "runtime/artifact/ArtifactReader.h"
#include "runtime/artifact/PlannedMemory.h"
#include "runtime/devices/Device.h"
#include "runtime/support/Status.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ftc::rt {

/// Handles are looked up by name once. An empty handle (the artifact has nothing of that name)
/// may be set: that does nothing, so a loop can offer every symbol, scalar and input it knows.
struct SymbolHandle {
  int index = -1;
  explicit operator bool() const { return index >= 0; }
};
struct ScalarHandle {
  int index = -1;
  explicit operator bool() const { return index >= 0; }
};
struct InputHandle {
  int index = -1;
  explicit operator bool() const { return index >= 0; }
};
struct OutputHandle {
  int index = -1;
  explicit operator bool() const { return index >= 0; }
};
struct ProgramHandle {
  int index = -1;
  explicit operator bool() const { return index >= 0; }
};

/// Exact bytes that an executor holds, allocated when it is created; nothing is added later but
/// by Executor::keepGradientsApart.
struct MemoryUse {
  std::int64_t params = 0, moments = 0, state = 0;
  std::int64_t grads = 0; // without those in the arena
  std::int64_t arena = 0; // the largest of its programs
  std::int64_t inputs = 0, outputs = 0;
  std::int64_t scratch = 0; // of all threads
  std::int64_t peak() const {
    return params + grads + moments + state + arena + inputs + outputs + scratch;
  }
};

/// Which copy of a parameter is meant. Moments have types of their own: see loadMoment.
enum class ParameterSlot { Params, Grads, Moments };

/// Time and work of the commands that share a label and a kernel, summed over runs. Bytes are
/// what they read and write at least: what is read again, because caches did not hold it, is
/// not in them.
struct ProfileEntry {
  std::string label;
  std::string kernel; ///< empty: a fill or a copy
  std::int64_t calls = 0;
  double seconds = 0, flops = 0, bytes = 0;
};

struct ExecutorOptions {
  /// Programs to prepare; empty: all. Segments that none of them reads or writes are not
  /// allocated (an evaluation holds neither gradients nor moments).
  std::vector<std::string> programs;
  /// Time every command (waits after each: slower).
  bool profile = false;
  /// Fill the arena and the program's outputs with NaN before each run, so that reads of stale
  /// scratch and unwritten outputs show. Always done on devices that poison memory.
  bool poisonArena = false;
  /// Where gradients lie to begin with. In the arena they take less memory, and last from a
  /// program that makes them to the one that reads them next: for steps of one micro-batch.
  GradientPlace gradients = GradientPlace::Apart;
};

/// Index of the best variant of `artifact` that `device` can run. When none can: an error that
/// says what each needs, what the device has, and how to compile for it.
Result<std::uint32_t> chooseVariant(const ArtifactReader &artifact, Device &device);

/// Not thread-safe: one thread at a time.
class Executor {
public:
  static Result<std::unique_ptr<Executor>>
  create(std::shared_ptr<const ArtifactReader> artifact, std::shared_ptr<Device> device,
         const ExecutorOptions &options = {});
  ~Executor();

  const ArtifactReader &artifact() const;
  const abi::Variant &variant() const;
  Device &device();
  const MemoryUse &memory() const;

  SymbolHandle symbol(std::string_view name) const;
  ScalarHandle scalar(std::string_view name) const;
  InputHandle input(std::string_view name) const;
  OutputHandle output(std::string_view name) const;
  /// Empty when the variant has no such program, or it was not asked for.
  ProgramHandle program(std::string_view name) const;

  /// Capacity of a symbol (0: a counter without limit).
  std::int64_t capacity(SymbolHandle symbol) const;

  /// Values persist until they are set again. A symbol that a program reads must be set, be at
  /// least 0 and at most its capacity, else run refuses. A scalar starts at its default; one
  /// without default must be set.
  void set(SymbolHandle symbol, std::int64_t value);
  void set(ScalarHandle scalar, double value);

  /// Copies an input for the next runs. Its number of elements is checked by run, against the
  /// program's expression; beyond its capacity, or of another dtype, it is refused here.
  Status setInput(InputHandle input, std::span<const std::int32_t> values);
  Status setInput(InputHandle input, std::span<const std::int64_t> values);
  Status setInput(InputHandle input, std::span<const float> values);
  Status setInput(InputHandle input, std::span<const std::uint8_t> values);

  /// Runs a program to its end. All sizes are checked before the first command, so a refused
  /// run changes nothing. Allocates nothing in a steady state.
  Status run(ProgramHandle program);

  /// Floating-point operations of all runs so far, as the commands' costs say them.
  double flopsDone() const;

  /// What the last run that wrote this output left; valid until the next run. An empty handle,
  /// an output not yet written, or another dtype: an empty span.
  std::span<const float> outputF32(OutputHandle output) const;
  std::span<const std::int32_t> outputI32(OutputHandle output) const;
  std::span<const std::int64_t> outputI64(OutputHandle output) const;

  /// Copies parameter `index` from canonical row-major f32 into the variant's storage (padding
  /// becomes zero), or back. Lossless both ways: a value that a 16-bit storage cannot hold is
  /// refused. `values` has the parameter's elements. Grads exist for trainable parameters alone,
  /// and only if a prepared program uses them; a compact one's rows stand in the order of use.
  /// Moments is refused.
  Status loadParameter(std::uint32_t index, std::span<const float> values,
                       ParameterSlot slot = ParameterSlot::Params);
  /// Parameter `index` itself, where it lies as canonical row-major f32 and the host may touch
  /// it (DeviceProperties::hostVisible); else empty. Not while a program runs.
  std::span<float> parameterInPlace(std::uint32_t index) const;
  Status storeParameter(std::uint32_t index, std::span<float> values,
                        ParameterSlot slot = ParameterSlot::Params);
  /// storeParameter for elements [first, first + values.size()) alone: what a writer that
  /// streams asks for, so that no canonical copy of a whole parameter is ever held.
  Status storeParameterRange(std::uint32_t index, std::int64_t first, std::span<float> values,
                             ParameterSlot slot);
  /// Elements of parameter `index` in canonical form.
  std::int64_t parameterElements(std::uint32_t index) const;
  /// Whether a slot was allocated.
  bool has(ParameterSlot slot) const;
  /// Where gradients lie, and a place of their own for them from now on, as zeros: what lies in
  /// the arena is lost. An error names the bytes that cannot be had.
  GradientPlace gradientPlace() const;
  Status keepGradientsApart();
  /// Bytes of the device's memory that keepGradientsApart would lack; 0 where there is room, or
  /// the device does not say.
  std::int64_t lackingForGradientsApart() const;

  /// Copies entry `moment` of variant().moments() from its canonical row-major bytes into the
  /// variant's storage, or canonical bytes [firstByte, firstByte + bytes.size()) back; whole
  /// elements. Lossless both ways. Fails where no prepared program uses moments.
  Status loadMoment(std::uint32_t moment, std::span<const std::byte> bytes);
  Status storeMomentRange(std::uint32_t moment, std::uint64_t firstByte,
                          std::span<std::byte> bytes);
  /// Canonical bytes of entry `moment`, and their shape. A compact one has as many rows as the
  /// symbol kTouched is set to.
  std::int64_t momentBytes(std::uint32_t moment) const;
  std::vector<std::int64_t> momentShape(std::uint32_t moment) const;
  /// Bytes of memory() that compact gradients and moments have for rows not in use: they are
  /// reserved, but were never written.
  std::int64_t unusedBytes() const;

  /// Name of the first parameter (in the artifact's order) whose slot holds a NaN or infinity.
  Result<std::optional<std::string>> firstNonFinite(ParameterSlot slot);

  /// Sets gradients, moments or the persistent state (caches) to zero.
  Status clear(ParameterSlot slot);
  Status clearState();

  /// By label and kernel in order of first appearance; empty without ExecutorOptions::profile.
  std::vector<ProfileEntry> profile(ProgramHandle program) const;
  void resetProfile();

private:
  Executor();
  struct Impl;
  std::unique_ptr<Impl> impl;
};

} // namespace ftc::rt
