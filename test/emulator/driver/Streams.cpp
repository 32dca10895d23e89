// Streams, events, launches and graphs. Nothing runs before somebody waits for it.
#include "test/emulator/driver/State.h"

#include <algorithm>
#include <cstring>

using namespace ftc::rt::cuda;

namespace ftc::emulator {

static void checkRange(DevicePointer address, std::size_t bytes, const char *what) {
  if (!state().memory->findLive(address, bytes))
    fail(FaultKind::Address, std::string(what) + " of " + std::to_string(bytes) + " bytes at " +
                                 state().memory->describe(address + (bytes ? bytes - 1 : 0)));
}

static void execute(Operation &operation) {
  State &s = state();
  DeviceMemory &memory = *s.memory;
  switch (operation.kind) {
  case Operation::Kind::Launch: {
    Counters counters;
    runLaunch(operation.launch, memory, s.options, counters);
    if (s.options.cost)
      noteLaunch(operation.launch, counters);
    break;
  }
  case Operation::Kind::Upload:
    checkRange(operation.to, operation.bytes, "upload");
    std::memcpy(memory.host(operation.to),
                operation.source ? operation.source : operation.bytesNow.data(),
                operation.bytes);
    memory.markWritten(operation.to, operation.bytes);
    break;
  case Operation::Kind::Download:
    checkRange(operation.from, operation.bytes, "download");
    std::memcpy(operation.destination, memory.host(operation.from), operation.bytes);
    break;
  case Operation::Kind::Copy: {
    checkRange(operation.from, operation.bytes, "copy from");
    checkRange(operation.to, operation.bytes, "copy to");
    std::memmove(memory.host(operation.to), memory.host(operation.from), operation.bytes);
    // What was not written stays so in the copy.
    std::uint64_t good = memory.firstUnwritten(operation.from, operation.bytes);
    if (good == operation.bytes) {
      memory.markWritten(operation.to, operation.bytes);
    } else {
      for (std::size_t i = 0; i < operation.bytes; ++i)
        memory.markWritten(operation.to + i, 1,
                           memory.firstUnwritten(operation.from + i, 1) == 1);
    }
    break;
  }
  case Operation::Kind::Fill8:
    checkRange(operation.to, operation.bytes, "fill");
    std::memset(memory.host(operation.to), static_cast<int>(operation.value), operation.bytes);
    memory.markWritten(operation.to, operation.bytes);
    break;
  case Operation::Kind::Fill32:
    checkRange(operation.to, operation.bytes, "fill");
    for (std::size_t i = 0; i < operation.bytes; i += 4)
      std::memcpy(memory.host(operation.to + i), &operation.value, 4);
    memory.markWritten(operation.to, operation.bytes);
    break;
  case Operation::Kind::Record:
    operation.event->completed = std::max(operation.event->completed, operation.record);
    break;
  case Operation::Kind::Wait:
    if (operation.event->completed < operation.record && operation.event->stream)
      drain(*operation.event->stream, operation.event, operation.record);
    break;
  case Operation::Kind::Free:
    if (!memory.release(operation.to))
      fail(FaultKind::Address, "memory that is free already: " + memory.describe(operation.to));
    break;
  }
}

void drain(StreamTag &stream, const EventTag *event, std::uint64_t record) {
  while (!stream.queue.empty() && !(event && event->completed >= record)) {
    Operation operation = std::move(stream.queue.front());
    stream.queue.pop_front();
    try {
      execute(operation);
    } catch (...) {
      stream.queue.clear();
      throw;
    }
  }
}

void drainAll() {
  // Streams that nothing orders run in an order of the seed's choice.
  std::vector<StreamTag *> all{&state().defaultStream};
  for (const auto &stream : state().streams)
    all.push_back(stream.get());
  if (state().options.seed % 2)
    std::reverse(all.begin(), all.end());
  for (StreamTag *stream : all)
    drain(*stream);
}

Result enqueue(Stream stream, Operation operation) {
  StreamTag &to = stream ? *stream : state().defaultStream;
  if (to.capturing) {
    if (operation.kind == Operation::Kind::Upload && !operation.source)
      return refuse(kCaptureUnsupported, "a copy from pageable memory cannot be captured");
    to.captured.push_back(std::move(operation));
  } else {
    to.queue.push_back(std::move(operation));
  }
  return kSuccess;
}

static bool knows(Stream stream) {
  return !stream || std::any_of(state().streams.begin(), state().streams.end(),
                                [&](const auto &entry) { return entry.get() == stream; });
}

} // namespace ftc::emulator

using namespace ftc::emulator;

extern "C" {

Result cuStreamCreate(Stream *stream, unsigned) {
  return guarded([&] {
    state().streams.push_back(std::make_unique<StreamTag>());
    *stream = state().streams.back().get();
    return kSuccess;
  });
}

Result cuStreamDestroy_v2(Stream stream) {
  return guarded([&]() -> Result {
    if (!stream || !knows(stream))
      return kInvalidHandle;
    drain(*stream);
    state().streams.remove_if([&](const auto &entry) { return entry.get() == stream; });
    return kSuccess;
  });
}

Result cuStreamSynchronize(Stream stream) {
  return guarded([&]() -> Result {
    if (!knows(stream))
      return kInvalidHandle;
    StreamTag &which = stream ? *stream : state().defaultStream;
    if (which.capturing)
      return kCaptureUnsupported;
    drain(which);
    return kSuccess;
  });
}

Result cuStreamQuery(Stream stream) {
  return guarded([&]() -> Result {
    if (!knows(stream))
      return kInvalidHandle;
    return (stream ? *stream : state().defaultStream).queue.empty() ? kSuccess : kNotReady;
  });
}

Result cuStreamWaitEvent(Stream stream, Event event, unsigned) {
  return guarded([&]() -> Result {
    if (!knows(stream) || !state().events.count(event))
      return kInvalidHandle;
    if (event->recorded == 0)
      return kSuccess;
    Operation operation = {};
    operation.kind = Operation::Kind::Wait;
    operation.event = event;
    operation.record = event->recorded;
    return enqueue(stream, std::move(operation));
  });
}

Result cuEventCreate(Event *event, unsigned) {
  return guarded([&] {
    *event = new EventTag;
    state().events.insert(*event);
    return kSuccess;
  });
}

Result cuEventDestroy_v2(Event event) {
  return guarded([&]() -> Result {
    if (state().events.erase(event) == 0)
      return kInvalidHandle;
    drainAll(); // commands name it
    delete event;
    return kSuccess;
  });
}

Result cuEventRecord(Event event, Stream stream) {
  return guarded([&]() -> Result {
    if (!knows(stream) || !state().events.count(event))
      return kInvalidHandle;
    event->stream = stream ? stream : &state().defaultStream;
    Operation operation = {};
    operation.kind = Operation::Kind::Record;
    operation.event = event;
    operation.record = ++event->recorded;
    return enqueue(stream, std::move(operation));
  });
}

Result cuEventSynchronize(Event event) {
  return guarded([&]() -> Result {
    if (!state().events.count(event))
      return kInvalidHandle;
    if (event->completed < event->recorded)
      drain(*event->stream, event, event->recorded);
    return kSuccess;
  });
}

Result cuEventQuery(Event event) {
  return guarded([&]() -> Result {
    if (!state().events.count(event))
      return kInvalidHandle;
    return event->completed >= event->recorded ? kSuccess : kNotReady;
  });
}

Result cuLaunchKernel(Function function, unsigned gridX, unsigned gridY, unsigned gridZ,
                      unsigned blockX, unsigned blockY, unsigned blockZ, unsigned sharedBytes,
                      Stream stream, void **parameters, void **extra) {
  return guarded([&]() -> Result {
    if (!function || !knows(stream) || extra)
      return kInvalidHandle;
    const Kernel &kernel = *function->kernel;
    std::uint64_t threads = std::uint64_t(blockX) * blockY * blockZ;
    int shared = static_cast<int>(sharedBytes + kernel.sharedBytes);
    bool fits =
        shared <= 48 * 1024 || static_cast<int>(sharedBytes) <= function->maxDynamicShared;
    if (!gridX || !gridY || !gridZ || !threads || threads > 1024 || gridX > 0x7fffffffu ||
        gridY > 65535 || gridZ > 65535 || !fits)
      return refuse(kInvalidValue,
                    "launch of '" + kernel.name + "' with " + std::to_string(threads) +
                        " threads a block and " + std::to_string(shared) +
                        " bytes of shared memory" +
                        (fits ? "" : ": more than 48 KiB needs cuFuncSetAttribute"));
    Operation operation = {};
    operation.kind = Operation::Kind::Launch;
    operation.function = function;
    Launch &launch = operation.launch;
    launch.kernel = &kernel;
    const unsigned grid[3] = {gridX, gridY, gridZ}, block[3] = {blockX, blockY, blockZ};
    std::copy(grid, grid + 3, launch.grid);
    std::copy(block, block + 3, launch.block);
    launch.dynamicShared = sharedBytes;
    launch.parameters.resize(kernel.parameterBytes);
    for (std::size_t i = 0; i < kernel.parameters.size(); ++i)
      std::memcpy(launch.parameters.data() + kernel.parameters[i].offset, parameters[i],
                  kernel.parameters[i].bytes);
    return enqueue(stream, std::move(operation));
  });
}

Result cuStreamBeginCapture_v2(Stream stream, int) {
  return guarded([&]() -> Result {
    if (!stream || !knows(stream) || stream->capturing)
      return kCaptureUnsupported;
    stream->capturing = true;
    stream->captured.clear();
    return kSuccess;
  });
}

Result cuStreamEndCapture(Stream stream, Graph *graph) {
  return guarded([&]() -> Result {
    if (!stream || !knows(stream) || !stream->capturing)
      return kCaptureUnsupported;
    stream->capturing = false;
    *graph = new GraphTag{std::move(stream->captured)};
    stream->captured.clear();
    return kSuccess;
  });
}

Result cuGraphInstantiateWithFlags(GraphExec *executable, Graph graph, unsigned long long) {
  return guarded([&] {
    *executable = new GraphExecTag{graph->nodes};
    return kSuccess;
  });
}

/// Takes new parameters where the nodes are the same: kinds and kernels, one for one.
Result cuGraphExecUpdate_v2(GraphExec executable, Graph graph, GraphUpdateInfo *info) {
  return guarded([&]() -> Result {
    auto same = [](const Operation &a, const Operation &b) {
      return a.kind == b.kind && a.function == b.function;
    };
    bool equal = std::equal(executable->nodes.begin(), executable->nodes.end(),
                            graph->nodes.begin(), graph->nodes.end(), same);
    *info = {equal ? 0 : 2 /* the topology changed */, nullptr, nullptr};
    if (!equal)
      return refuse(kGraphUpdateFailure, "the graph has other nodes");
    executable->nodes = graph->nodes;
    return kSuccess;
  });
}

Result cuGraphLaunch(GraphExec executable, Stream stream) {
  return guarded([&]() -> Result {
    if (!knows(stream))
      return kInvalidHandle;
    for (const Operation &node : executable->nodes)
      if (Result code = enqueue(stream, node); code != kSuccess)
        return code;
    return kSuccess;
  });
}

Result cuGraphExecDestroy(GraphExec executable) {
  return guarded([&] {
    delete executable;
    return kSuccess;
  });
}

Result cuGraphDestroy(Graph graph) {
  return guarded([&] {
    delete graph;
    return kSuccess;
  });
}
}
