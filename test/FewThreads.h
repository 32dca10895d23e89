// A system that gives few threads. Included by one file of a test program: it defines
// pthread_create, which std::thread then calls instead of the C library's.
#pragma once

#include <atomic>
#include <cerrno>
#include <dlfcn.h>
#include <memory>
#include <pthread.h>

namespace ftc::test {

/// Threads that run beside those that were there before the first FewThreads.
inline std::atomic<int> threadsRunning = 0;
inline std::atomic<int> mostThreads = 1 << 20;

/// While it lives pthread_create gives EAGAIN, as at a limit on processes, where `most` threads
/// that it started run already.
class FewThreads {
public:
  explicit FewThreads(int most) { mostThreads = most; }
  ~FewThreads() { mostThreads = 1 << 20; }
  FewThreads(const FewThreads &) = delete;
};

struct ThreadStart {
  void *(*function)(void *);
  void *argument;
};

inline void *runCounted(void *given) {
  ThreadStart start = *std::unique_ptr<ThreadStart>(static_cast<ThreadStart *>(given));
  void *result = start.function(start.argument);
  --threadsRunning;
  return result;
}

} // namespace ftc::test

extern "C" int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                              void *(*function)(void *), void *argument) noexcept {
  using namespace ftc::test;
  static auto real =
      reinterpret_cast<decltype(&pthread_create)>(dlsym(RTLD_NEXT, "pthread_create"));
  if (++threadsRunning > mostThreads) {
    --threadsRunning;
    return EAGAIN;
  }
  auto start = std::make_unique<ThreadStart>(function, argument);
  int error = real(thread, attributes, runCounted, start.get());
  if (error)
    --threadsRunning;
  else
    (void)start.release();
  return error;
}
