// The executor's private state, shared by the files that implement it.
#pragma once

#include "runtime/executor/Executor.h"
#include "runtime/executor/PreparedProgram.h"

#include <vector>

namespace ftc::rt {

/// An input or output by name: one device buffer at capacity, one host side.
struct NamedArray {
  std::string name;
  abi::DType dtype = abi::DType::F32;
  std::int64_t capacity = 0; // elements, largest over the prepared programs
  std::int64_t elements = -1; // -1: not set, or not written yet
  DeviceBuffer buffer;
  /// Where the host reads or writes it: the buffer itself on hostVisible devices.
  std::byte *host = nullptr;
  std::vector<std::byte> mirror;
};

/// Running sums of one command of a profiled program.
struct CommandProfile {
  std::int64_t calls = 0;
  double seconds = 0, flops = 0, bytes = 0;
};

struct Executor::Impl {
  ~Impl();

  Status initialize(const ExecutorOptions &options);
  Status loadModule();
  Status chooseSegments();
  Status checkRoom() const;
  Status allocateGradients();
  Status allocateSegment(DeviceBuffer &buffer, std::int64_t bytes, std::int64_t &use,
                         Contents contents);
  Status addArrays(const abi::Program &program);
  Status allocateArrays(std::vector<NamedArray> &arrays);
  PreparedProgram::Binding bind(const abi::Buffer &buffer);
  void preparePrograms();
  /// Where gradient element `element` of the variant lies.
  std::byte *gradient(std::int64_t element) const;

  Status checkSettings(const PreparedProgram &program) const;
  Status checkInputs(const PreparedProgram &program) const;
  Status uploadInputs(const PreparedProgram &program);
  Status poison(const PreparedProgram &program);
  Status runCommands(PreparedProgram &program, std::vector<CommandProfile> *profile);
  Status issue(const PreparedProgram &program, const PreparedCommand &command);
  Status downloadOutputs(const PreparedProgram &program);

  template <typename T>
  Status setInput(InputHandle input, abi::DType dtype, std::span<const T> values);
  template <typename T> std::span<const T> output(OutputHandle output, abi::DType dtype) const;

  /// Device address of parameter `index` in a slot, or an error that names what is missing.
  Result<std::byte *> locate(std::uint32_t index, ParameterSlot slot);
  /// Rows of compact gradients and moments that are in use; 0 before the symbol is set.
  std::int64_t touchedRows() const;
  /// Bytes of a moment in canonical form, of a compact one its rows in use.
  std::int64_t canonicalBytes(const abi::MomentStorage &moment) const;
  /// Device address of entry `moment` of the variant's moments, or an error.
  Result<std::byte *> locateMoment(std::uint32_t moment);

  std::shared_ptr<const ArtifactReader> artifact;
  std::shared_ptr<Device> device;
  const abi::Variant *variant = nullptr;
  std::unique_ptr<Module> module;
  MemoryUse memory;
  bool poisonArena = false;

  DeviceBuffer params, grads, moments, state, arena;
  GradientPlace gradientPlace = GradientPlace::Apart;
  std::vector<const abi::Program *> chosen;
  std::int64_t ownArena = 0; ///< the largest of programs, without gradients
  bool hasGrads = false, hasMoments = false;
  std::vector<NamedArray> inputs, outputs;
  std::vector<PreparedProgram> programs;
  std::vector<std::vector<CommandProfile>> profiles; // empty unless profiling
  double flopsDone = 0;

  std::vector<std::int64_t> symbolValues, symbolCapacities;
  std::vector<std::uint8_t> symbolSet;
  std::vector<double> scalarValues;
};

/// `elements` of storage as the host sees them: in place on hostVisible devices, otherwise a
/// copy in `held` that comes from the device when `read`.
Result<std::span<float>> hostStorage(Device &device, std::byte *address, std::int64_t elements,
                                     std::vector<float> &held, bool read);

} // namespace ftc::rt
