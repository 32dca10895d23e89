// Work on threads of its own for as long as it takes, on fewer where the system gives no more.
#pragma once

#include <system_error>
#include <thread>
#include <vector>

namespace ftc::rt {

/// Calls work(0) on this thread and work(1) … work(threads - 1) each on another, and returns when
/// all have ended: how many there were. Fewer than `threads` where the system refused one; then the
/// last indices had no call.
template <typename Work> unsigned runOnThreads(unsigned threads, const Work &work) {
  std::vector<std::jthread> others;
  others.reserve(threads);
  try {
    for (unsigned i = 1; i < threads; ++i)
      others.emplace_back([&work, i] { work(i); });
  } catch (const std::system_error &) {
  }
  work(0);
  return static_cast<unsigned>(others.size()) + 1;
}

} // namespace ftc::rt
