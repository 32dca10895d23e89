// Fork: the job is written once, then each active worker's ticket is raised. Join: a counter
// of workers that are not done. Sleepers are woken by futex only when they really sleep.
#include "runtime/devices/ThreadPool.h"

#include <algorithm>
#include <cstdlib>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

namespace ftc::rt {

// About 30 microseconds of pauses: longer than the gap between two launches of a step.
static constexpr unsigned kSpins = 1000;
// A thread claims at most half of its fair share of what is left, at least 1/32 of the whole.
static constexpr std::int64_t kShare = 2, kMinimumShare = 32;

static void futexWait(std::atomic<std::uint32_t> &word, std::uint32_t expected) {
  syscall(SYS_futex, reinterpret_cast<std::uint32_t *>(&word), FUTEX_WAIT_PRIVATE, expected,
          nullptr, nullptr, 0);
}

static void futexWake(std::atomic<std::uint32_t> &word) {
  syscall(SYS_futex, reinterpret_cast<std::uint32_t *>(&word), FUTEX_WAKE_PRIVATE, 1, nullptr,
          nullptr, 0);
}

Result<std::unique_ptr<ThreadPool>> ThreadPool::create(unsigned threads,
                                                       std::span<const int> cpus,
                                                       bool orFewer) {
  std::unique_ptr<ThreadPool> pool(new ThreadPool);
  pool->threadCount = std::max(1u, threads);
  // With more threads than CPUs a spinning thread only keeps a working one from running.
  pool->spins = pool->threadCount <= cpus.size() ? kSpins : 0;
  pool->mailboxes = std::make_unique<Mailbox[]>(pool->threadCount);
  pool->scratch.assign(pool->threadCount, nullptr);
  FTC_RETURN_IF_ERROR(pool->reserveScratch(64));
  bool bind = pool->threadCount == cpus.size();
  for (unsigned i = 1; i < pool->threadCount; ++i) {
    try {
      pool->workers.emplace_back(&ThreadPool::workerMain, pool.get(), i);
    } catch (const std::system_error &) {
      pool.reset();
      if (orFewer)
        return create(i, cpus, orFewer);
      return Status::error("cannot start thread " + std::to_string(i + 1) + " of " +
                           std::to_string(threads) + ": lower --threads");
    }
    if (bind) {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(cpus[i], &set);
      pthread_setaffinity_np(pool->workers.back().native_handle(), sizeof(set), &set);
    }
  }
  return pool;
}

ThreadPool::~ThreadPool() {
  stopping = true;
  for (unsigned i = 1; i <= workers.size(); ++i) {
    mailboxes[i].ticket.fetch_add(1);
    futexWake(mailboxes[i].ticket);
  }
  for (std::thread &worker : workers)
    worker.join();
  for (void *memory : scratch)
    std::free(memory);
}

Status ThreadPool::reserveScratch(std::int64_t bytes) {
  if (bytes <= scratchBytes)
    return Status::ok();
  std::size_t rounded = (static_cast<std::size_t>(bytes) + abi::kBufferSlack + 63) / 64 * 64;
  for (void *&memory : scratch) {
    void *larger = std::aligned_alloc(64, rounded);
    if (!larger)
      return Status::error("cannot allocate " + std::to_string(rounded) +
                           " bytes of scratch for each of " + std::to_string(threadCount) +
                           " threads: lower --threads");
    std::free(memory);
    memory = larger;
  }
  scratchBytes = bytes;
  return Status::ok();
}

void ThreadPool::work(unsigned index) {
  std::int64_t grid = current.grid;
  std::int64_t smallest = std::max<std::int64_t>(1, grid / (active * kMinimumShare));
  std::int64_t begin = next.load(std::memory_order_relaxed);
  while (begin < grid) {
    std::int64_t size = std::max(smallest, (grid - begin) / (active * kShare));
    std::int64_t end = std::min(grid, begin + size);
    if (!next.compare_exchange_weak(begin, end, std::memory_order_relaxed))
      continue;
    current.function(current.buffers, current.ints, current.scalars, scratch[index], begin,
                     end);
    begin = next.load(std::memory_order_relaxed);
  }
}

void ThreadPool::run(const PoolJob &job) {
  if (job.grid <= 0)
    return;
  active = static_cast<unsigned>(
      std::min<std::int64_t>(std::min(threadCount, job.maxThreads), job.grid));
  if (active <= 1) {
    job.function(job.buffers, job.ints, job.scalars, scratch[0], 0, job.grid);
    return;
  }
  current = job;
  next.store(0, std::memory_order_relaxed);
  remaining.store(active - 1, std::memory_order_relaxed);
  for (unsigned i = 1; i < active; ++i) {
    // Sequentially consistent on both sides: either the worker sees the ticket before it
    // sleeps, or its `sleeping` is seen here.
    mailboxes[i].ticket.fetch_add(1);
    if (mailboxes[i].sleeping.load())
      futexWake(mailboxes[i].ticket);
  }
  work(0);
  waitForWorkers();
}

void ThreadPool::waitForWorkers() {
  for (unsigned i = 0; i < spins; ++i) {
    if (remaining.load(std::memory_order_acquire) == 0)
      return;
    __builtin_ia32_pause();
  }
  callerSleeping.store(1);
  for (std::uint32_t left; (left = remaining.load()) != 0;)
    futexWait(remaining, left);
  callerSleeping.store(0);
}

std::uint32_t ThreadPool::waitForTicket(Mailbox &mailbox, std::uint32_t seen) {
  for (unsigned i = 0; i < spins; ++i) {
    std::uint32_t ticket = mailbox.ticket.load(std::memory_order_acquire);
    if (ticket != seen)
      return ticket;
    __builtin_ia32_pause();
  }
  mailbox.sleeping.store(1);
  std::uint32_t ticket;
  while ((ticket = mailbox.ticket.load()) == seen)
    futexWait(mailbox.ticket, seen);
  mailbox.sleeping.store(0);
  return ticket;
}

void ThreadPool::workerMain(unsigned index) {
  for (std::uint32_t seen = 0;;) {
    seen = waitForTicket(mailboxes[index], seen);
    if (stopping)
      return;
    work(index);
    if (remaining.fetch_sub(1) == 1 && callerSleeping.load())
      futexWake(remaining);
  }
}

} // namespace ftc::rt
