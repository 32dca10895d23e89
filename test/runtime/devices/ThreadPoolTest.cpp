// The pool: every task once whatever the threads, and a system that does not start so many.
#include "runtime/devices/ThreadPool.h"

#include "test/FewThreads.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ftc::rt {
namespace {

constexpr std::int64_t kTasks = 1000;

/// Counts each task's calls in the first buffer.
void count(void *const *buffers, const std::int64_t *, const double *, void *,
           std::int64_t begin, std::int64_t end) {
  for (std::int64_t task = begin; task < end; ++task)
    static_cast<std::atomic<int> *>(buffers[0])[task] += 1;
}

/// Runs a job three times; how many tasks were not done exactly as often.
int tasksAmiss(ThreadPool &pool) {
  std::vector<std::atomic<int>> calls(kTasks);
  void *buffers[] = {calls.data()};
  for (int i = 0; i < 3; ++i)
    pool.run({.function = count, .buffers = buffers, .grid = kTasks});
  return static_cast<int>(
      std::count_if(calls.begin(), calls.end(), [](const auto &one) { return one != 3; }));
}

TEST(ThreadPool, DoesEveryTaskOnce) {
  for (unsigned threads : {0u, 1u, 2u, 5u}) {
    auto pool = ThreadPool::create(threads, {});
    ASSERT_TRUE(pool) << pool.status().message();
    EXPECT_EQ((*pool)->threads(), std::max(1u, threads));
    EXPECT_EQ(tasksAmiss(**pool), 0) << threads;
  }
  EXPECT_EQ(test::threadsRunning, 0) << "workers that outlive their pool";
}

TEST(ThreadPool, OrFewerMakesDoWithThoseThatStart) {
  for (int most : {0, 1, 3, 7}) {
    test::FewThreads few(most);
    auto pool = ThreadPool::create(6, {}, /*orFewer=*/true);
    ASSERT_TRUE(pool) << pool.status().message();
    EXPECT_EQ((*pool)->threads(), static_cast<unsigned>(std::min(6, most + 1)));
    EXPECT_EQ(tasksAmiss(**pool), 0) << most;
  }
  EXPECT_EQ(test::threadsRunning, 0);
}

TEST(ThreadPool, FailsWithoutThoseThatWereAskedFor) {
  test::FewThreads few(2);
  auto pool = ThreadPool::create(4, {});
  ASSERT_FALSE(pool);
  EXPECT_EQ(pool.status().message(), "cannot start thread 4 of 4: lower --threads");
  EXPECT_EQ(test::threadsRunning, 0) << "the workers that had started";
}

} // namespace
} // namespace ftc::rt
