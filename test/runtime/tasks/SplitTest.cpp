// The stratified split: shares, determinism, and what cannot be split.
#include "runtime/tasks/Split.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace ftc::rt {
namespace {

using Strata = std::vector<std::int32_t>;

std::map<std::int32_t, std::int64_t> shares(const Strata &strata,
                                            const std::vector<std::int64_t> &rows) {
  std::map<std::int32_t, std::int64_t> result;
  for (std::int64_t row : rows)
    ++result[strata[row]];
  return result;
}

TEST(Split, SharesFollowTheStrata) {
  Strata strata;
  for (int i = 0; i < 1000; ++i)
    strata.push_back(i < 700 ? 0 : i < 950 ? 1 : 2); // a file sorted by label
  auto split = splitStratified(strata, 10, 42);
  ASSERT_TRUE(split);
  EXPECT_EQ(split->validation.size(), 100u);
  EXPECT_EQ(split->train.size(), 900u);
  EXPECT_EQ(shares(strata, split->validation),
            (std::map<std::int32_t, std::int64_t>{{0, 70}, {1, 25}, {2, 5}}));
  std::vector<bool> seen(1000, false);
  for (const auto *side : {&split->train, &split->validation})
    for (std::size_t i = 0; i < side->size(); ++i) {
      EXPECT_FALSE(seen[(*side)[i]]);
      seen[(*side)[i]] = true;
      if (i > 0)
        EXPECT_LT((*side)[i - 1], (*side)[i]);
    }
  // Not a prefix of the stratum.
  EXPECT_GT(split->validation[69], 600);
}

TEST(Split, SameSeedSameSplit) {
  Strata strata(500, 0);
  for (std::size_t i = 0; i < strata.size(); i += 3)
    strata[i] = 1;
  auto a = splitStratified(strata, 20, 7), b = splitStratified(strata, 20, 7),
       c = splitStratified(strata, 20, 8);
  EXPECT_EQ(a->validation, b->validation);
  EXPECT_NE(a->validation, c->validation);
  // Fixed for all machines and versions: a resumed run must find the same rows.
  auto small = splitStratified(Strata{0, 0, 0, 0, 1, 1, 1, 1, 1, 1}, 30, 42);
  EXPECT_EQ(small->validation.size(), 3u);
}

TEST(Split, RemaindersGoToTheLargestFractions) {
  Strata strata{0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2}; // 11 rows, 25 %: 3 rows
  auto split = splitStratified(strata, 25, 1);
  ASSERT_TRUE(split);
  EXPECT_EQ(shares(strata, split->validation),
            (std::map<std::int32_t, std::int64_t>{{0, 2}, {1, 1}}));
}

TEST(Split, SingleRowsStayInTraining) {
  auto split = splitStratified(Strata{0, 1, 2, 3, 3}, 50, 1);
  ASSERT_TRUE(split);
  EXPECT_EQ(split->validation.size(), 1u);
  EXPECT_GE(split->validation[0], 3);
}

TEST(Split, Refuses) {
  EXPECT_EQ(splitStratified(Strata{0, 0}, 0, 1).status().code(), Code::Usage);
  EXPECT_EQ(splitStratified(Strata{0, 0}, 100, 1).status().code(), Code::Usage);
  EXPECT_EQ(splitStratified(Strata{0}, 50, 1).status().code(), Code::Failed);
  EXPECT_EQ(splitStratified(Strata{0, 1, 2}, 50, 1).status().code(), Code::Failed);
  EXPECT_TRUE(splitStratified(Strata{0, 0}, 99, 1));
}

} // namespace
} // namespace ftc::rt
