// What stands behind the stand-in driver's handles. One lock guards all of it.
#pragma once

#include "runtime/devices/CudaDriver.h"
#include "test/emulator/machine/Machine.h"

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ftc::rt::cuda {

struct FunctionTag {
  ModuleTag *module;
  const emulator::Kernel *kernel;
  int maxDynamicShared = 0;
};

struct ModuleTag {
  std::unique_ptr<emulator::PtxModule> module;
  std::map<std::string, std::unique_ptr<FunctionTag>> functions;
};

struct EventTag {
  std::uint64_t recorded = 0;  // how often it was recorded
  std::uint64_t completed = 0; // the last record that was reached
  StreamTag *stream = nullptr; // of the last record
};

/// One command of a stream, or node of a graph.
struct Operation {
  enum class Kind { Launch, Upload, Download, Copy, Fill8, Fill32, Record, Wait, Free } kind;
  FunctionTag *function = nullptr;
  emulator::Launch launch;
  DevicePointer to = 0, from = 0;
  const void *source = nullptr;       // pinned host memory, read when it runs
  std::vector<std::uint8_t> bytesNow; // pageable host memory, read when it was given
  void *destination = nullptr;
  std::size_t bytes = 0;
  std::uint32_t value = 0;
  EventTag *event = nullptr;
  std::uint64_t record = 0;
};

struct StreamTag {
  std::deque<Operation> queue;
  bool capturing = false;
  std::vector<Operation> captured;
};

struct GraphTag {
  std::vector<Operation> nodes;
};
struct GraphExecTag {
  std::vector<Operation> nodes;
};
struct ContextTag {};

} // namespace ftc::rt::cuda

namespace ftc::emulator {

namespace cuda = ftc::rt::cuda;

/// Counts of a kernel over all of its launches, for the report.
struct KernelCost {
  Counters counters;
  std::uint64_t launches = 0, blocks = 0;
  std::uint32_t threads = 0, sharedBytes = 0;
  std::vector<Pipe> pipes;          // of each instruction
  std::vector<std::uint64_t> flops; // of a lane, or of a warp for the tensor core
  std::uint32_t liveRegisters = 0;
};

struct State {
  std::recursive_mutex mutex;
  Options options;
  int device = 80; // sm_80 or sm_90
  std::uint64_t memoryBytes = 0;
  std::string reportPath;
  bool initialized = false;
  int retained = 0;
  cuda::ContextTag context;
  cuda::Context current = nullptr;
  cuda::Result sticky = cuda::kSuccess;
  std::string message; // of the last error
  std::unique_ptr<DeviceMemory> memory;
  std::set<cuda::ModuleTag *> modules;
  std::list<std::unique_ptr<cuda::StreamTag>> streams;
  std::set<cuda::EventTag *> events;
  std::map<std::uintptr_t, std::size_t> pinned;
  cuda::StreamTag defaultStream;
  std::map<std::string, KernelCost> costs;

  bool isPinned(const void *address, std::size_t bytes) const;
};

State &state();

/// Runs `body` under the lock once the driver is initialized and no error sticks; faults become
/// codes, and sticky where CUDA's are.
cuda::Result guarded(const std::function<cuda::Result()> &body, bool needsContext = true);
cuda::Result refuse(cuda::Result code, std::string message);

/// Runs a stream's commands: all, or up to and including record `record` of `event`.
void drain(cuda::StreamTag &stream, const cuda::EventTag *event = nullptr,
           std::uint64_t record = 0);
void drainAll();
/// Appends to a stream, or to what it captures.
cuda::Result enqueue(cuda::Stream stream, cuda::Operation operation);

void noteLaunch(const Launch &launch, const Counters &counters);
/// Writes the cost report to State::reportPath, if it is set.
void writeReport();

/// Occupancy: blocks of a kernel that fit one multiprocessor.
int blocksPerMultiprocessor(const Kernel &kernel, std::uint32_t threads,
                            std::uint32_t sharedBytes, int capability);

} // namespace ftc::emulator
