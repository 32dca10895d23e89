// Step counts and ranges as transformers' Trainer has them; the sampler's orders.
#include "runtime/train/StepPlan.h"
#include "runtime/train/Sampler.h"

#include "runtime/support/Philox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace ftc::rt {
namespace {

TEST(StepPlan, CountsAsTransformers) {
  struct Case {
    StepPlanRequest request;
    std::int64_t stepsPerEpoch, totalSteps, epochs, warmup;
  };
  // set_initial_training_values and get_warmup_steps of transformers 4.57, by hand.
  const Case cases[] = {
      {{.examples = 100, .batchSize = 8}, 13, 39, 3, 0},
      {{.examples = 100, .batchSize = 8, .accumulation = 4}, 4, 12, 3, 0},
      {{.examples = 96, .batchSize = 8, .accumulation = 4}, 3, 9, 3, 0},
      {{.examples = 100, .batchSize = 8, .epochs = 0.5}, 13, 7, 1, 0},
      {{.examples = 100, .batchSize = 8, .epochs = 2.1}, 13, 28, 3, 0},
      {{.examples = 100, .batchSize = 8, .maxSteps = 14}, 13, 14, 2, 0},
      {{.examples = 3, .batchSize = 8, .accumulation = 16}, 1, 3, 3, 0},
      {{.examples = 100, .batchSize = 8, .warmupRatio = 0.1}, 13, 39, 3, 4},
      {{.examples = 100, .batchSize = 8, .warmupRatio = 0.1, .warmupSteps = 7}, 13, 39, 3, 7},
  };
  for (const Case &c : cases) {
    Result<StepPlan> plan = StepPlan::make(c.request);
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->stepsPerEpoch, c.stepsPerEpoch);
    EXPECT_EQ(plan->totalSteps, c.totalSteps);
    EXPECT_EQ(plan->epochs, c.epochs);
    EXPECT_EQ(plan->warmupSteps, c.warmup);
  }
  EXPECT_FALSE(StepPlan::make({.examples = 0}));
  EXPECT_FALSE(StepPlan::make({.examples = 100, .epochs = 1e30}));
}

TEST(StepPlan, EveryExampleOnceAnEpochAndNoStepCrossesItsEnd) {
  for (std::int64_t examples : {1, 7, 8, 9, 100})
    for (std::int64_t batch : {1, 3, 8})
      for (std::int64_t accumulation : {1, 2, 4}) {
        Result<StepPlan> plan = StepPlan::make(
            {.examples = examples, .batchSize = batch, .accumulation = accumulation});
        ASSERT_TRUE(plan);
        std::int64_t next = 0;
        for (std::int64_t step = 0; step < plan->stepsPerEpoch; ++step) {
          StepRange range = plan->range(step);
          EXPECT_EQ(range.begin, next);
          EXPECT_LE(range.end - range.begin, batch * accumulation);
          EXPECT_GT(range.end, range.begin);
          next = range.end;
        }
        EXPECT_EQ(next, examples);
        EXPECT_EQ(plan->range(plan->stepsPerEpoch).begin, 0);
        EXPECT_DOUBLE_EQ(plan->epochsDone(plan->stepsPerEpoch), 1);
      }
}

TEST(StepPlan, EpochsAreCountedInBatches) {
  Result<StepPlan> plan = StepPlan::make({.examples = 100, .batchSize = 8, .accumulation = 4});
  ASSERT_TRUE(plan);
  EXPECT_DOUBLE_EQ(plan->epochsDone(1), 4.0 / 13);
  EXPECT_DOUBLE_EQ(plan->epochsDone(4), 1);
  EXPECT_DOUBLE_EQ(plan->epochsDone(5), 1 + 4.0 / 13);
}

TEST(StepPlan, SharesOfARun) {
  EXPECT_EQ(resolveSteps(10, 100), 10);
  EXPECT_EQ(resolveSteps(0.25, 101), 26);
  EXPECT_EQ(resolveSteps(0.0001, 100), 1);
}

TEST(Philox, MatchesTheKnownAnswers) {
  // The generator's published known-answer vectors (10 rounds).
  EXPECT_EQ(philox({0, 0}, {0, 0, 0, 0}),
            (std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (std::array<std::uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Sampler, IsAPermutationThatDependsOnSeedAndEpochAlone) {
  Sampler sampler(1000, 42, true), again(1000, 42, true), other(1000, 43, true);
  std::vector<std::int64_t> first = sampler.order(0), second = sampler.order(1);
  EXPECT_NE(first, second);
  EXPECT_EQ(again.order(1), second);
  EXPECT_EQ(again.order(0), first);
  EXPECT_NE(other.order(0), first);
  std::vector<std::int64_t> sorted = first, all(1000);
  std::sort(sorted.begin(), sorted.end());
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(sorted, all);
}

TEST(Sampler, VersionOneIsWrittenDown) {
  // Changing these means a new kPermutationVersion: old checkpoints would resume wrongly.
  ASSERT_EQ(kPermutationVersion, 1);
  Sampler sampler(8, 42, true);
  std::vector<std::pair<std::uint64_t, std::int64_t>> keys;
  for (std::uint32_t i = 0; i < 8; ++i) {
    auto words = philox({42, 0x53485546}, {i, 0, 3, 0});
    keys.emplace_back(std::uint64_t(words[0]) << 32 | words[1], i);
  }
  std::sort(keys.begin(), keys.end());
  for (std::size_t i = 0; i < 8; ++i)
    EXPECT_EQ(sampler.order(3)[i], keys[i].second);
}

TEST(Sampler, FileOrderWithoutShuffle) {
  Sampler sampler(5, 1, false);
  EXPECT_EQ(sampler.order(2), (std::vector<std::int64_t>{0, 1, 2, 3, 4}));
}

} // namespace
} // namespace ftc::rt
