// Independent pieces of work on every core: each writes a place of its own, so that results do
// not depend on the threads.
#pragma once

#include "runtime/support/Threads.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <thread>

namespace ftc::assess {

/// Calls work(0) … work(count - 1), the first ones first, on `threads` threads (0: one a core),
/// fewer where there are fewer pieces or the system gives no more. Throws, when all threads
/// have ended, what a piece threw; pieces that come behind it may then be left out.
template <typename Work> void inParallel(std::int64_t count, unsigned threads, Work work) {
  if (threads == 0)
    threads = std::max(1u, std::thread::hardware_concurrency());
  std::atomic<std::int64_t> next{0};
  auto take = [&] {
    for (std::int64_t i = next++; i < count; i = next++)
      work(i);
  };
  rt::runOnThreads(static_cast<unsigned>(std::clamp<std::int64_t>(count, 1, threads)),
                   [&](unsigned) { take(); });
}

} // namespace ftc::assess
