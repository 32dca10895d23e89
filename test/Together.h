// Threads that meet.
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

namespace ftc::test {

/// Holds each caller until as many as are expected have come, but not forever.
class Together {
public:
  explicit Together(int expected) : expected(expected) {}
  void wait() {
    auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    for (++arrived; arrived < expected && std::chrono::steady_clock::now() < end;)
      std::this_thread::yield();
  }

private:
  int expected;
  std::atomic<int> arrived = 0;
};

} // namespace ftc::test
