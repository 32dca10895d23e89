// The table of ftrt bench --profile, to the letter.
#include "tools/ftrt/ProfileTable.h"

#include <gtest/gtest.h>

namespace ftc::cli {
namespace {

/// Two calls of 10 ms each, 1 GFLOP and 50 MB a call; the same of bf16 pairs in 5 ms; one of 5
/// ms that only moves 20 MB; one that did not run.
std::vector<rt::ProfileEntry> entries() {
  return {{"absent", "gone", 0, 0, 0, 0},
          {"fill", "", 1, 0.005, 0, 20e6},
          {"linear", "gemm_k3", 2, 0.02, 2e9, 100e6},
          {"a_label_longer_than_22_letters", "gemm_pairs_k3", 2, 0.01, 2e9, 100e6}};
}

TEST(ProfileTable, ShowsTimesWorkAndSharesOfBothPeaks) {
  EXPECT_EQ(profileTable("apply", entries(), {200e9, 400e9, 10e9}),
            "apply\n"
            "  share   ms/call     calls GFLOP/call   MB/call  GFLOP/s of peak     GB/s  of mem"
            "  command                kernel\n"
            "  57.1%   10.0000         2     1.0000    50.000    100.0   50.0%      5.0   50.0%"
            "  linear                 gemm_k3\n"
            "  28.6%    5.0000         2     1.0000    50.000    200.0   50.0%     10.0  100.0%"
            "  a_label_longer_than_22_letters gemm_pairs_k3\n"
            "  14.3%    5.0000         1     0.0000    20.000      0.0    0.0%      4.0   40.0%"
            "  fill\n"
            "   0.0%    0.0000         0     0.0000     0.000      0.0    0.0%      0.0    0.0%"
            "  absent                 gone\n");
}

TEST(ProfileTable, SaysWhereNoPeakIsKnown) {
  std::string table = profileTable("apply", entries(), {});
  EXPECT_NE(table.find("100.0       -      5.0       -  linear  "), std::string::npos) << table;
  EXPECT_EQ(profileTable("apply", {}, {1, 1, 1}), "");
}

} // namespace
} // namespace ftc::cli
