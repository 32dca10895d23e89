// A fork-join pool: one job at a time, the caller works too, workers spin briefly between jobs
// and then sleep. A job allocates nothing.
#pragma once

#include "runtime/abi/Kernel.h"
#include "runtime/support/Status.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

namespace ftc::rt {

/// Tasks [0, grid) of one kernel.
struct PoolJob {
  abi::KernelFn function = nullptr;
  void *const *buffers = nullptr;
  const std::int64_t *ints = nullptr;
  const double *scalars = nullptr;
  std::int64_t grid = 0;
  unsigned maxThreads = ~0u;
};

class ThreadPool {
public:
  /// `threads` in all, the caller's among them (at least 1). Workers are bound to cpus[1], ...
  /// when there is one for each; the calling thread stays free, as threads that it makes
  /// later would inherit its binding. Where the system does not start so many it fails, or, with
  /// `orFewer`, makes do with those that it starts.
  static Result<std::unique_ptr<ThreadPool>> create(unsigned threads, std::span<const int> cpus,
                                                    bool orFewer = false);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;

  unsigned threads() const { return threadCount; }

  /// Makes each thread's scratch at least `bytes` long.
  Status reserveScratch(std::int64_t bytes);

  /// Runs every task exactly once and returns when all are done. Threads claim contiguous
  /// ranges, large ones first.
  void run(const PoolJob &job);

private:
  /// One worker's mailbox: the number of jobs it was asked to join.
  struct alignas(64) Mailbox {
    std::atomic<std::uint32_t> ticket{0};
    std::atomic<std::uint32_t> sleeping{0};
  };

  ThreadPool() = default;
  void workerMain(unsigned index);
  void work(unsigned index);
  std::uint32_t waitForTicket(Mailbox &mailbox, std::uint32_t seen);
  void waitForWorkers();

  unsigned threadCount = 1;
  unsigned spins = 0;
  std::unique_ptr<Mailbox[]> mailboxes;
  std::vector<std::thread> workers;
  std::vector<void *> scratch;
  std::int64_t scratchBytes = 0;

  PoolJob current;
  unsigned active = 1;
  bool stopping = false;
  alignas(64) std::atomic<std::int64_t> next{0};
  alignas(64) std::atomic<std::uint32_t> remaining{0};
  std::atomic<std::uint32_t> callerSleeping{0};
};

} // namespace ftc::rt
