#include "runtime/devices/CudaRun.h"

#include "runtime/support/Text.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace ftc::rt {

namespace {
constexpr std::size_t kShortRun = 3; // launching so few commands one by one costs no more
constexpr std::size_t kMostGraphs = 48;
constexpr int kRelaxedCapture = 2; // CU_STREAM_CAPTURE_MODE_RELAXED
} // namespace

void CudaRun::clear() {
  commands.clear();
  buffers.clear();
  words.clear();
  missing = 0;
}

static void addValues(std::vector<std::uint64_t> &words, const LaunchArguments &arguments) {
  for (std::int64_t value : arguments.ints)
    words.push_back(static_cast<std::uint64_t>(value));
  for (double value : arguments.scalars)
    words.push_back(std::bit_cast<std::uint64_t>(value));
}

/// The words of a group are those of its members behind each other, addresses among them.
void CudaRun::addMember(const LaunchArguments &arguments) {
  CudaCommand &command = commands.back();
  command.grid += arguments.grid;
  words[nextEnd++] = static_cast<std::uint64_t>(command.grid);
  for (void *buffer : arguments.buffers)
    words.push_back(reinterpret_cast<cuda::DevicePointer>(buffer));
  addValues(words, arguments);
  if (--missing > 0)
    return;
  words[command.wordsAt] = static_cast<std::uint64_t>(command.grid);
  if (command.grid > 0)
    return;
  words.resize(command.wordsAt);
  commands.pop_back();
}

void CudaRun::addLaunch(const LaunchArguments &arguments) {
  if (missing > 0)
    return addMember(arguments);
  if (arguments.members > 0) {
    CudaCommand &command = commands.emplace_back();
    command.kernel = static_cast<const CudaKernel *>(arguments.group.function);
    command.buffersAt = buffers.size();
    command.wordsAt = words.size();
    words.resize(words.size() + 1 + arguments.members);
    nextEnd = command.wordsAt + 1;
    missing = arguments.members;
    return addMember(arguments);
  }
  CudaCommand &command = commands.emplace_back();
  command.kernel = static_cast<const CudaKernel *>(arguments.kernel.function);
  command.grid = arguments.grid;
  command.buffersAt = buffers.size();
  command.bufferCount = arguments.buffers.size();
  for (void *buffer : arguments.buffers)
    buffers.push_back(reinterpret_cast<cuda::DevicePointer>(buffer));
  command.wordsAt = words.size();
  words.push_back(static_cast<std::uint64_t>(arguments.grid));
  addValues(words, arguments);
}

std::int64_t bucketOf(std::int64_t grid) {
  if (grid <= 8)
    return grid;
  int octave = 63 - std::countl_zero(static_cast<std::uint64_t>(grid - 1));
  std::int64_t step = std::max<std::int64_t>(1, std::int64_t(1) << (octave - 3));
  return (grid + step - 1) / step * step;
}

Status CudaGraphs::issue(const CudaRun &run, cuda::DevicePointer words, bool bucketed) {
  std::vector<void *> parameters;
  for (const CudaCommand &command : run.commands) {
    auto bytes = static_cast<std::size_t>(command.bytes);
    switch (command.kind) {
    case CudaCommand::Kind::Copy:
      FTC_RETURN_IF_ERROR(
          driver.check(driver.memcpyDtoDAsync(command.to, command.from, bytes, stream),
                       "cuMemcpyDtoDAsync"));
      break;
    case CudaCommand::Kind::Fill:
      FTC_RETURN_IF_ERROR(driver.check(
          driver.memsetD8Async(command.to, command.value, bytes, stream), "cuMemsetD8Async"));
      break;
    case CudaCommand::Kind::Launch: {
      const CudaKernel &kernel = *command.kernel;
      parameters.clear();
      for (std::size_t i = 0; i < command.bufferCount; ++i)
        parameters.push_back(
            const_cast<cuda::DevicePointer *>(&run.buffers[command.buffersAt + i]));
      cuda::DevicePointer mine = words + command.wordsAt * 8;
      parameters.push_back(&mine);
      std::int64_t grid = bucketed ? bucketOf(command.grid) : command.grid;
      FTC_RETURN_IF_ERROR(
          driver.check(driver.launchKernel(kernel.function, static_cast<unsigned>(grid), 1, 1,
                                           kernel.threads, 1, 1, kernel.sharedBytes, stream,
                                           parameters.data(), nullptr),
                       "cuLaunchKernel", "kernel " + quote(kernel.name)));
      break;
    }
    }
  }
  return Status::ok();
}

/// Everything a graph of `run` fixes: kernels, addresses, buckets; not the words.
static std::string keyOf(const CudaRun &run) {
  std::string key = run.program;
  auto add = [&](std::uint64_t value) {
    key.append(reinterpret_cast<const char *>(&value), sizeof value);
  };
  for (const CudaCommand &command : run.commands) {
    add(static_cast<std::uint64_t>(command.kind));
    add(reinterpret_cast<std::uint64_t>(command.kernel ? command.kernel->function : nullptr));
    add(static_cast<std::uint64_t>(bucketOf(command.grid)));
    add(command.wordsAt);
    add(command.to);
    add(command.from);
    add(static_cast<std::uint64_t>(command.bytes));
    add(command.value);
    for (std::size_t i = 0; i < command.bufferCount; ++i)
      add(run.buffers[command.buffersAt + i]);
  }
  return key;
}

void CudaGraphs::drop(Entry &entry) {
  if (entry.executable)
    driver.graphExecDestroy(entry.executable);
  if (entry.words)
    driver.memFree(entry.words);
  entry.executable = nullptr;
  entry.words = 0;
}

CudaGraphs::~CudaGraphs() {
  for (Entry &entry : entries)
    drop(entry);
}

Status CudaGraphs::make(Entry &entry, const CudaRun &run) {
  entry.wordCount = run.words.size();
  // An entry that gave its graph away keeps its words, whose number its key fixes.
  if (!entry.words)
    FTC_RETURN_IF_ERROR(driver.check(
        driver.memAlloc(&entry.words, std::max<std::size_t>(1, entry.wordCount) * 8),
        "cuMemAlloc"));
  FTC_RETURN_IF_ERROR(
      driver.check(driver.streamBeginCapture(stream, kRelaxedCapture), "cuStreamBeginCapture"));
  Status issued = issue(run, entry.words, true);
  cuda::Graph graph = nullptr;
  Status ended = driver.check(driver.streamEndCapture(stream, &graph), "cuStreamEndCapture");
  if (issued && ended) {
    // The graph of the run that was used longest ago may take this run's parameters, which is
    // cheaper than a new one.
    Entry &oldest = entries.back();
    if (entries.size() >= kMostGraphs && oldest.executable && &oldest != &entry) {
      cuda::GraphUpdateInfo info{};
      if (driver.graphExecUpdate(oldest.executable, graph, &info) == cuda::kSuccess)
        std::swap(entry.executable, oldest.executable);
    }
    if (!entry.executable)
      ended = driver.check(driver.graphInstantiate(&entry.executable, graph, 0),
                           "cuGraphInstantiate");
  }
  if (graph)
    driver.graphDestroy(graph);
  return issued ? std::move(ended) : std::move(issued);
}

Result<CudaGraphs::Entry *> CudaGraphs::find(const CudaRun &run) {
  if (run.commands.size() <= kShortRun)
    return static_cast<Entry *>(nullptr);
  std::string key = keyOf(run);
  auto found = std::find_if(entries.begin(), entries.end(),
                            [&](const Entry &entry) { return entry.key == key; });
  if (found == entries.end()) {
    entries.push_front({std::move(key)});
    if (entries.size() > kMostGraphs) {
      drop(entries.back());
      entries.pop_back();
    }
    return static_cast<Entry *>(nullptr);
  }
  entries.splice(entries.begin(), entries, found);
  Entry &entry = entries.front();
  if (!entry.executable)
    if (Status made = make(entry, run); !made) {
      drop(entry);
      return made;
    }
  return &entry;
}

} // namespace ftc::rt
