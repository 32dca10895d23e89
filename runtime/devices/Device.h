// What the executor asks of a device: memory, an ordered asynchronous queue, and modules of
// kernels. Two CPU devices implement it, eager and as late as legal; a GPU fits beside them.
#pragma once

#include "runtime/support/Status.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ftc::rt {

/// Fixed facts of a device.
struct DeviceProperties {
  std::string name;                  // "cpu", "cpu-async", "cuda"
  std::string target;                // what variants must name: "cpu", "cuda"
  std::string description;           // "AMD EPYC ..., 2 threads"
  std::string isa;                   // best level: "x86-64-v3"
  std::vector<std::string> features; // features present that variants may require
  unsigned threads = 1;
  bool hostVisible = false;          // the host may touch buffers while the queue is empty
  bool poisons = false;              // a conformance device: stale memory must not be read
};

/// Memory of a device. `address` is 64-byte aligned; kBufferSlack bytes beyond `bytes` may be
/// read. On devices that are not hostVisible the
/// host must not follow `address`.
struct DeviceBuffer {
  std::byte *address = nullptr;
  std::int64_t bytes = 0;
};

/// What fresh memory holds. Zeros take no memory before they are written, where the system can.
enum class Contents { Undefined, Zeros };

/// A kernel of a loaded module; valid as long as its module.
struct KernelHandle {
  void *function = nullptr;
  std::int64_t scratchBytes = 0;
};

/// What a module must export.
struct KernelSpec {
  std::string_view name;
  std::int64_t scratchBytes = 0;
  /// Of a block, and dynamic shared memory of one; 0 on the CPU.
  std::int64_t threads = 0;
  std::int64_t sharedBytes = 0;
  /// Launched as a member of groups alone, by their kernels: the module does not export it.
  bool grouped = false;
};

/// Loaded code. Destroy it only when the queue is empty.
class Module {
public:
  virtual ~Module() = default;
  /// Kernel `index` of the specs it was loaded with.
  virtual KernelHandle kernel(std::size_t index) const = 0;
};

/// One launch over tasks [0, grid). The device copies what it needs of the arrays before launch
/// returns; buffers are device addresses.
struct LaunchArguments {
  KernelHandle kernel;
  std::span<void *const> buffers;
  std::span<const std::int64_t> ints;
  std::span<const double> scalars;
  std::int64_t grid = 0;
  /// A guess at how long one thread would take, in nanoseconds, so that small launches are not
  /// spread over many; it never changes a result. Below 0: not known.
  std::int64_t nanoseconds = -1;
  /// Not 0: this launch and the members - 1 behind it, which come next and have 0, are
  /// independent of each other; a GPU runs them as one launch of the kernel `group`.
  std::uint32_t members = 0;
  KernelHandle group = {};
};

/// A device with one in-order queue. Commands of the queue take effect in the order in which
/// they were given, at the latest when synchronize returns. Host memory handed to upload and
/// download must stay valid, and must not be written (upload) or read (download), until then.
/// Methods are called by one thread at a time. After a steady state is reached, queue commands
/// of the eager CPU device allocate nothing. The first failure of a command is reported by it
/// or by the next synchronize.
class Device {
public:
  virtual ~Device() = default;
  virtual const DeviceProperties &properties() const = 0;

  /// Memory for `bytes` (0 allowed). An error names the bytes asked for.
  virtual Result<DeviceBuffer> allocate(std::int64_t bytes,
                                        Contents contents = Contents::Undefined) = 0;
  /// Bytes that allocate can still give, in all; nothing where memory is taken when it is
  /// written.
  virtual std::optional<std::int64_t> freeBytes() { return std::nullopt; }
  /// Gives memory back. No command that uses it may be pending.
  virtual void free(DeviceBuffer buffer) = 0;

  /// Ok when the device can run code that needs `features`, else an error that says which
  /// are missing, what the device has, and which --cpu would do. Call before loadModule.
  virtual Status supports(std::string_view isa, std::span<const std::string_view> features) = 0;
  /// Makes `object` executable and finds its kernels. Call supports first. `cubin` is the same
  /// code for one GPU architecture, if there is such: a device takes it where it fits.
  virtual Result<std::unique_ptr<Module>> loadModule(std::span<const std::uint8_t> object,
                                                     std::span<const KernelSpec> kernels,
                                                     std::span<const std::uint8_t> cubin = {}) = 0;

  /// kernel(buffers, ints, scalars, scratch, ...) over [0, grid); grid 0 does nothing.
  virtual Status launch(const LaunchArguments &arguments) = 0;
  virtual Status copy(std::byte *destination, const std::byte *source, std::int64_t bytes) = 0;
  virtual Status fill(std::byte *destination, std::uint8_t value, std::int64_t bytes) = 0;
  virtual Status upload(std::byte *destination, const void *host, std::int64_t bytes) = 0;
  virtual Status download(void *host, const std::byte *source, std::int64_t bytes) = 0;
  /// Waits until the queue is empty.
  virtual Status synchronize() = 0;

  /// What comes until endRun is one run of `program`: a device may hold launches, copies and
  /// fills back until then and give them to the hardware as one. After an error in between,
  /// synchronize ends the run.
  virtual Status beginRun(std::string_view program) { return Status::ok(); }
  virtual Status endRun() { return Status::ok(); }
};

} // namespace ftc::rt
