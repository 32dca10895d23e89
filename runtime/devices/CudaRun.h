// The commands of one run of a program on a CUDA device, held back and then submitted as one:
// the words of all launches in one upload, and a graph where the same run came before.
#pragma once

#include "runtime/devices/CudaModule.h"

#include <list>
#include <map>

namespace ftc::rt {

struct CudaCommand {
  enum class Kind { Launch, Copy, Fill } kind = Kind::Launch;
  const CudaKernel *kernel = nullptr;
  std::size_t buffersAt = 0, bufferCount = 0; // in CudaRun::buffers
  std::size_t wordsAt = 0;                    // in CudaRun::words
  std::int64_t grid = 0;
  cuda::DevicePointer to = 0, from = 0;
  std::int64_t bytes = 0;
  std::uint8_t value = 0;
};

/// Commands with flat arguments; cleared and reused.
struct CudaRun {
  std::string program;
  std::vector<CudaCommand> commands;
  std::vector<cuda::DevicePointer> buffers;
  std::vector<std::uint64_t> words;

  void clear();
  void addLaunch(const LaunchArguments &arguments);
  /// Members that the last command, a group, still lacks.
  std::uint32_t missing = 0;

private:
  void addMember(const LaunchArguments &arguments);
  std::size_t nextEnd = 0; // in words: where the tasks up to the next member are counted
};

/// A grid that a graph is made with: at least `grid`, one of eight in each octave. Blocks
/// beyond a launch's tasks do nothing, so one graph serves all batches of a bucket.
std::int64_t bucketOf(std::int64_t grid);

/// Graphs of a device by what they do. Not for use after the device's context is gone.
class CudaGraphs {
public:
  CudaGraphs(const cuda::Driver &driver, cuda::Stream stream)
      : driver(driver), stream(stream) {}
  ~CudaGraphs();
  CudaGraphs(const CudaGraphs &) = delete;
  CudaGraphs &operator=(const CudaGraphs &) = delete;

  /// Launches `run` on the stream, its words at device address `words` of at least
  /// run.words.size() words. `bucketed`: with grids of bucketOf.
  Status issue(const CudaRun &run, cuda::DevicePointer words, bool bucketed);

  struct Entry {
    std::string key;
    cuda::GraphExec executable = nullptr; // null before the second run of its kind
    cuda::DevicePointer words = 0;
    std::size_t wordCount = 0;
  };
  /// The graph of runs like `run`, made when one comes for the second time; null for a run that
  /// is new, or too short to gain.
  Result<Entry *> find(const CudaRun &run);

private:
  Status make(Entry &entry, const CudaRun &run);
  void drop(Entry &entry);

  const cuda::Driver &driver;
  cuda::Stream stream;
  std::list<Entry> entries; // the latest first
};

} // namespace ftc::rt
