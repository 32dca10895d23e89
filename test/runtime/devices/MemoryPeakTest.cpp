// The memory's bandwidth: small arrays tell whether the measurement works, not how fast a
// machine is.
#include "runtime/devices/MemoryPeak.h"

#include <gtest/gtest.h>

namespace ftc::rt {
namespace {

constexpr std::int64_t kMiB = std::int64_t(1) << 20;

TEST(MemoryPeak, IsARateOfThisMachine) {
  for (unsigned threads : {1u, 2u, 3u}) {
    double rate = measureMemoryPeak(threads, 3, 8 * kMiB);
    EXPECT_GT(rate, 1e8) << threads;  // slower than any memory of the last twenty years
    EXPECT_LT(rate, 1e14) << threads; // a loop that the compiler left out
  }
}

TEST(MemoryPeak, ArraysAreLargerThanCaches) {
  EXPECT_GE(memoryPeakArrayBytes(1), 96 * kMiB);
  EXPECT_LE(memoryPeakArrayBytes(1000000), 384 * kMiB);
}

TEST(MemoryPeak, SaysWhenThereIsNoMemory) {
  EXPECT_EQ(measureMemoryPeak(2, 1, std::int64_t(1) << 60), 0);
}

} // namespace
} // namespace ftc::rt
