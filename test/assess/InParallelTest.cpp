// Work in parallel: every piece once, in its place, on no more threads than asked for, and
// errors that reach the caller.
#include "assess/InParallel.h"

#include "test/FewThreads.h"
#include "test/Together.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

using namespace ftc::assess;
using ftc::test::Together;

namespace {

/// How often each of `count` pieces was called; each writes to its own place.
std::vector<int> calls(std::int64_t count, unsigned threads) {
  std::vector<int> calls(count, 0);
  inParallel(count, threads, [&](std::int64_t i) { ++calls[i]; });
  return calls;
}

TEST(InParallel, CallsEachPieceOnceWhateverTheThreads) {
  for (unsigned threads : {0u, 1u, 2u, 3u, 64u})
    for (std::int64_t count : {1, 2, 3, 1000})
      EXPECT_EQ(calls(count, threads), std::vector<int>(count, 1))
          << count << " on " << threads;
}

TEST(InParallel, NoPiecesAreNoCallAndNoThread) {
  ftc::test::FewThreads none(0);
  for (unsigned threads : {0u, 1u, 8u})
    inParallel(0, threads, [&](std::int64_t) { FAIL() << "nothing was asked for"; });
}

TEST(InParallel, ResultsStandInTheirPlaces) {
  std::vector<std::int64_t> squares(500), expected(500);
  for (std::int64_t i = 0; i < 500; ++i)
    expected[i] = i * i;
  for (unsigned threads : {1u, 2u, 7u}) {
    std::fill(squares.begin(), squares.end(), -1);
    inParallel(500, threads, [&](std::int64_t i) {
      if (i % 50 == 0) // the first ones end last
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      squares[i] = i * i;
    });
    EXPECT_EQ(squares, expected) << threads;
  }
}

TEST(InParallel, TheFirstPiecesBeginFirst) {
  std::vector<std::int64_t> order;
  inParallel(100, 1, [&](std::int64_t i) { order.push_back(i); });
  std::vector<std::int64_t> expected(100);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(order, expected);
  // Of three, the last one is begun when the others have been.
  Together firstTwo(2);
  std::atomic<int> begun = 0;
  inParallel(3, 2, [&](std::int64_t i) {
    int before = begun++;
    if (i < 2)
      firstTwo.wait();
    else
      EXPECT_EQ(before, 2);
  });
}

TEST(InParallel, HasNoMoreThreadsThanPiecesOrThanAskedFor) {
  for (auto [count, threads, expected] : {std::tuple(3, 16u, 3), std::tuple(16, 3u, 3)}) {
    std::mutex mutex;
    std::set<std::thread::id> ids;
    Together together(expected); // all at once, or the first could do all
    std::atomic<int> called = 0;
    inParallel(count, threads, [&](std::int64_t) {
      if (called++ < expected)
        together.wait();
      std::lock_guard<std::mutex> lock(mutex);
      ids.insert(std::this_thread::get_id());
    });
    EXPECT_EQ(static_cast<int>(ids.size()), expected);
    EXPECT_EQ(ids.count(std::this_thread::get_id()), 1u);
  }
}

TEST(InParallel, FewerThreadsDoAllTheSame) {
  for (int most : {0, 1, 2}) {
    ftc::test::FewThreads few(most);
    EXPECT_EQ(calls(100, 8), std::vector<int>(100, 1)) << most;
  }
}

TEST(InParallel, AnErrorReachesTheCallerOnceAllHaveEnded) {
  for (unsigned threads : {1u, 4u})
    for (std::int64_t bad : {0, 7, 19}) {
      std::vector<int> called(20, 0);
      std::atomic<int> running = 0;
      std::string said;
      try {
        inParallel(20, threads, [&](std::int64_t i) {
          ++running;
          ++called[i];
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
          --running;
          if (i == bad)
            throw std::runtime_error("piece " + std::to_string(i));
        });
      } catch (const std::runtime_error &error) {
        said = error.what();
        EXPECT_EQ(running, 0);
      }
      EXPECT_EQ(said, "piece " + std::to_string(bad));
      for (std::int64_t i = 0; i <= bad; ++i)
        EXPECT_EQ(called[i], 1) << i << " of " << bad;
      for (std::int64_t i = bad + 1; i < 20; ++i)
        EXPECT_LE(called[i], threads == 1 ? 0 : 1) << i << " of " << bad;
    }
  // All of them fail: one error, nothing lost, nothing terminates.
  EXPECT_THROW(inParallel(50, 4, [](std::int64_t) { throw std::length_error("each"); }),
               std::length_error);
}

} // namespace
