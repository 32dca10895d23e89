// Work on threads of its own: who calls what, exceptions, and a system that gives fewer.
#include "runtime/support/Threads.h"

#include "test/FewThreads.h"
#include "test/Together.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>

namespace ftc::rt {
namespace {

using test::Together;

/// How often each index was called, and how many were said to run.
std::pair<std::vector<int>, unsigned> calls(unsigned threads) {
  std::vector<int> count(8, 0);
  unsigned ran = runOnThreads(threads, [&](unsigned i) { ++count[i]; });
  return {count, ran};
}

TEST(RunOnThreads, CallsEachIndexOnAThreadOfItsOwn) {
  std::mutex mutex;
  std::set<std::thread::id> ids;
  std::vector<std::thread::id> byIndex(4);
  Together together(4);
  EXPECT_EQ(runOnThreads(4,
                         [&](unsigned i) {
                           together.wait();
                           std::lock_guard<std::mutex> lock(mutex);
                           ids.insert(byIndex[i] = std::this_thread::get_id());
                         }),
            4u);
  EXPECT_EQ(ids.size(), 4u);
  EXPECT_EQ(byIndex[0], std::this_thread::get_id());
}

TEST(RunOnThreads, ReturnsWhenAllHaveEnded) {
  std::atomic<int> ended = 0;
  runOnThreads(3, [&](unsigned i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20 * i));
    ++ended;
  });
  EXPECT_EQ(ended, 3);
}

TEST(RunOnThreads, OneOrNoneIsTheCallersAlone) {
  for (unsigned threads : {0u, 1u}) {
    test::FewThreads none(0);
    EXPECT_EQ(calls(threads), std::pair(std::vector<int>{1, 0, 0, 0, 0, 0, 0, 0}, 1u));
  }
}

TEST(RunOnThreads, TheLastHaveNoCallWhereTheSystemGivesFewer) {
  for (auto [most, expected] : {std::pair(0, std::vector<int>{1, 0, 0, 0, 0, 0, 0, 0}),
                                std::pair(2, std::vector<int>{1, 1, 1, 0, 0, 0, 0, 0}),
                                std::pair(5, std::vector<int>{1, 1, 1, 1, 1, 0, 0, 0})}) {
    Together together(std::min(most + 1, 5)); // none ends before the last is asked for
    std::vector<int> count(8, 0);
    test::FewThreads few(most);
    unsigned ran = runOnThreads(5, [&](unsigned i) {
      together.wait();
      ++count[i];
    });
    EXPECT_EQ(count, expected) << most;
    EXPECT_EQ(ran, static_cast<unsigned>(std::min(most + 1, 5)));
  }
  EXPECT_EQ(calls(8), std::pair(std::vector<int>(8, 1), 8u)) << "a limit of before";
}

TEST(RunOnThreads, ThrowsTheFirstIndexsExceptionOnceAllHaveEnded) {
  for (bool lastEndsLast : {false, true})
    for (unsigned first : {0u, 1u, 3u}) {
      std::atomic<int> ended = 0;
      std::string said;
      try {
        runOnThreads(4, [&](unsigned i) {
          std::this_thread::sleep_for(
              std::chrono::milliseconds(5 * (lastEndsLast ? i : 4 - i)));
          ++ended;
          if (i >= first)
            throw std::runtime_error("thread " + std::to_string(i));
        });
      } catch (const std::runtime_error &error) {
        said = error.what();
        EXPECT_EQ(ended, 4);
      }
      EXPECT_EQ(said, "thread " + std::to_string(first));
    }
  // No thread that could not be had, though of the same type.
  EXPECT_THROW(
      runOnThreads(2,
                   [](unsigned) { throw std::system_error(EAGAIN, std::generic_category()); }),
      std::system_error);
}

} // namespace
} // namespace ftc::rt
