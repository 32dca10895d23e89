// The search for a plan within a budget, over made-up peaks.
#include "compiler/MemoryBudget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace ftc {
namespace {

/// Peaks that mostly fall with cost, then rise, as those of real candidates do.
std::vector<std::int64_t> randomPeaks(std::mt19937 &random) {
  std::vector<std::int64_t> peaks(random() % 90);
  for (std::size_t i = 0; i < peaks.size(); ++i)
    peaks[i] = 1000 + std::abs(std::int64_t(60) - std::int64_t(i)) * 10 + random() % 40;
  return peaks;
}

BudgetSearch search(const std::vector<std::int64_t> &peaks, std::int64_t budget) {
  rt::Result<BudgetSearch> found =
      searchBudget(peaks.size(), budget, [&](std::size_t i) -> rt::Result<std::int64_t> {
        return std::int64_t(peaks[i]);
      });
  EXPECT_TRUE(bool(found));
  return found.take();
}

TEST(MemoryBudget, TheFigureOfARefusalFits) {
  std::mt19937 random(3);
  for (int round = 0; round < 500; ++round) {
    std::vector<std::int64_t> peaks = randomPeaks(random);
    BudgetSearch refused = search(peaks, 1);
    EXPECT_FALSE(refused.chosen);
    if (peaks.empty())
      continue;
    BudgetSearch met = search(peaks, refused.least);
    ASSERT_TRUE(met.chosen);
    EXPECT_EQ(peaks[*met.chosen], refused.least);
    BudgetSearch below = search(peaks, refused.least - 1);
    EXPECT_FALSE(below.chosen);
    EXPECT_EQ(below.least, refused.least);
  }
}

TEST(MemoryBudget, LessMemoryIsNeverCheaper) {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::int64_t> peaks = randomPeaks(random);
    std::size_t before = 0;
    for (std::int64_t budget = 1800; budget >= 900; budget -= 7) {
      BudgetSearch found = search(peaks, budget);
      if (!found.chosen)
        break;
      EXPECT_LE(peaks[*found.chosen], budget);
      EXPECT_GE(*found.chosen, before);
      before = *found.chosen;
    }
  }
}

TEST(MemoryBudget, AFailedPlanEndsTheSearch) {
  rt::Result<BudgetSearch> found =
      searchBudget(40, 1, [](std::size_t i) -> rt::Result<std::int64_t> {
        if (i > 3)
          return rt::Status::error("phase plan: failed");
        return std::int64_t(100);
      });
  ASSERT_FALSE(bool(found));
  EXPECT_EQ(found.takeStatus().message(), "phase plan: failed");
}

} // namespace
} // namespace ftc
