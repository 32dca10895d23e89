// Work on threads of its own for as long as it takes, on fewer where the system gives no more.
#pragma once

#include <algorithm>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

namespace ftc::rt {

/// Calls work(0) on this thread and work(1) … work(threads - 1) each on another, and returns
/// when all have ended: how many there were. Fewer than `threads` where the system refused one;
/// then the last indices had no call. Throws, when all have ended, what the first index that
/// threw did.
template <typename Work> unsigned runOnThreads(unsigned threads, const Work &work) {
  std::vector<std::exception_ptr> thrown(std::max(1u, threads));
  auto call = [&](unsigned i) {
    try {
      work(i);
    } catch (...) {
      thrown[i] = std::current_exception();
    }
  };
  std::vector<std::jthread> others;
  others.reserve(threads);
  try {
    for (unsigned i = 1; i < threads; ++i)
      others.emplace_back([&call, i] { call(i); });
  } catch (const std::system_error &) {
  }
  call(0);
  unsigned ran = static_cast<unsigned>(others.size()) + 1;
  others.clear(); // joins
  for (const std::exception_ptr &one : thrown)
    if (one)
      std::rethrow_exception(one);
  return ran;
}

} // namespace ftc::rt
