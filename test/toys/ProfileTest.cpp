// FLOPs and bytes of a profile against counts by hand: gathers count the rows that they touch,
// attention the pairs within its window, a compact table's update its rows in use.
#include "test/toys/Toy.h"

#include <gtest/gtest.h>

namespace ftc::toys {
namespace {

constexpr double kHidden = 20, kClasses = 6, kFloat = 4, kIndex = 4;

using Entries = std::map<std::string, rt::ProfileEntry>;

Entries profileOf(rt::Executor &executor, const char *program) {
  Entries entries;
  for (const rt::ProfileEntry &entry : executor.profile(executor.program(program)))
    entries[entry.label] = entry;
  return entries;
}

/// Sequences of 5, 1 and 4 tokens, 4 distinct ids in all.
std::vector<Example> batch() {
  return {{{3, 7, 3, 136, 7}, {}, {1, 2, 3, 4, 5}},
          {{7}, {}, {0}},
          {{3, 3, 1, 3}, {}, {1, 1, 2, -100}}};
}

TEST(Profile, CountsAreThoseOfAHand) {
  Toy toy = compileToy(
      {"profiled.mlir",
       {},
       {{"longest", 12}, {"tokens", 24}, {"sequences", 4}, {"input_ids.unique", 24}}});
  ASSERT_TRUE(toy.artifact);
  Runner runner(toy, *rt::makeCpuDevice(1), {"train_accumulate", "apply"},
                makeParameters(*toy.artifact), /*profile=*/true);
  runner.set({{"inverse_denominator", 0.1},
              {"learning_rate", 0.1},
              {"bias_correction1", 0.1},
              {"bias_correction2", 0.001},
              {"max_grad_norm", 1}});
  runner.set(pack(batch()));
  const double tokens = 10, distinct = 4, sequences = 3, vocabulary = 137;
  // |i - j| < 3: all but 6 of 25, 1 of 1, all but 2 of 16.
  const double pairs = 19 + 1 + 14;
  runner.symbol("token_pairs.3", static_cast<std::int64_t>(pairs));
  runner.run("train_accumulate");
  runner.run("apply");
  Entries train = profileOf(runner.executor(), "train_accumulate");
  EXPECT_EQ(train["embedding"].flops, 0);
  EXPECT_EQ(train["embedding"].bytes, tokens * (2 * kHidden * kFloat + kIndex));
  EXPECT_EQ(train["attention"].flops, 2 * 2 * kHidden * pairs);
  // Queries, keys and values are one buffer, and so are the offsets of both.
  EXPECT_EQ(train["attention"].bytes, tokens * (2 * kHidden * kFloat + 2 * kFloat + kIndex) +
                                          (sequences + 1) * kIndex + sequences * kIndex);
  EXPECT_EQ(train["attention_grad"].flops, 5 * 2 * kHidden * pairs);
  EXPECT_EQ(train["linear"].flops, 2 * tokens * kHidden * kClasses);
  EXPECT_EQ(train["embedding_grad"].bytes,
            tokens * (kHidden * kFloat + kIndex) + (distinct + 1) * kIndex +
                distinct * (kIndex + 2 * kHidden * kFloat + kIndex));
  Entries apply = profileOf(runner.executor(), "apply");
  EXPECT_EQ(apply["adamw.rows"].flops, 14 * distinct * kHidden);
  // Parameter and two moments are read and written, the gradient, control and slots read.
  EXPECT_EQ(apply["adamw.rows"].bytes,
            distinct * kHidden * 7 * kFloat + 2 * kFloat + vocabulary * kIndex);
  std::int64_t stored = runner.executor()
                            .variant()
                            .storage()
                            ->Get(toy.artifact->parameterIndex("head.weight"))
                            ->elements();
  EXPECT_EQ(apply["adamw"].flops, 14.0 * static_cast<double>((stored + 15) / 16 * 16));
}

} // namespace
} // namespace ftc::toys
