// What lanes do together and apart: shuffles, votes, divergence and where paths meet again.
#include "test/emulator/suite/Samples.h"

#include <gtest/gtest.h>

namespace ftc::emulator {
namespace {

/// Runs `body`, which leaves a result in %r20, on one warp; inputs of a lane in %r10 and %r11.
std::vector<std::uint32_t> runWarpOf(const std::string &body,
                                     const std::vector<std::uint32_t> &a,
                                     const std::vector<std::uint32_t> &b) {
  TestGpu gpu(1 << 22);
  gpu.load(kernelText(elementAddress("%rd10", "%rd1", 4) + elementAddress("%rd11", "%rd2", 4) +
                      elementAddress("%rd12", "%rd0", 4) +
                      "  ld.global.u32 %r10, [%rd10];\n  ld.global.u32 %r11, [%rd11];\n" +
                      body + "  st.global.u32 [%rd12], %r20;\n"));
  std::uint64_t out = gpu.reserve(128);
  gpu.launch("k", 1, 32, {out, gpu.upload(a), gpu.upload(b), 0});
  return gpu.download<std::uint32_t>(out, 32);
}

TEST(Lanes, ShufflesFollowTheIsaInEveryMode) {
  std::mt19937 random(3);
  std::vector<std::uint32_t> a(32), b(32);
  // Segments of 32, 16, 8, 4; the clamp that compilers write, as the width's.
  for (const char *mode : {"up", "down", "bfly", "idx"})
    for (std::uint32_t width : {32u, 16u, 8u, 4u})
      for (std::uint32_t step : {0u, 1u, 2u, 3u, 7u, 15u, 31u}) {
        bool isUp = std::string(mode) == "up";
        std::uint32_t segment = (32 - width) & 31, clamp = isUp ? 0 : 31;
        std::uint32_t c = segment << 8 | clamp;
        for (std::uint32_t l = 0; l < 32; ++l) {
          a[l] = static_cast<std::uint32_t>(random());
          b[l] = step;
        }
        auto got = runWarpOf("  shfl.sync." + std::string(mode) +
                                 ".b32 %r12|%p1, %r10, %r11, " + std::to_string(c) +
                                 ", 0xffffffff;\n"
                                 "  selp.b32 %r13, 0x80000000, 0, %p1;\n"
                                 "  and.b32 %r12, %r12, 0x7fffffff;\n"
                                 "  or.b32 %r20, %r12, %r13;\n",
                             a, b);
        for (std::uint32_t l = 0; l < 32; ++l) {
          // In words: lanes of a segment; out of it means the lane itself, and no predicate.
          std::uint32_t first = l / width * width, last = first + width - 1;
          std::int64_t from = isUp                          ? std::int64_t(l) - step
                              : std::string(mode) == "down" ? std::int64_t(l) + step
                              : std::string(mode) == "bfly"
                                  ? std::int64_t(l ^ step)
                                  : std::int64_t(first + step % width);
          bool inside = isUp ? from >= std::int64_t(first) : from <= std::int64_t(last);
          std::uint32_t value = a[inside ? static_cast<std::uint32_t>(from) : l] & 0x7fffffff;
          ASSERT_EQ(got[l], value | (inside ? 0x80000000u : 0))
              << mode << " width " << width << " step " << step << " lane " << l;
        }
      }
}

TEST(Lanes, VotesAndReductions) {
  std::vector<std::uint32_t> a(32), b(32, 0);
  std::uint32_t sum = 0, most = 0, odd = 0;
  std::mt19937 random(4);
  for (std::uint32_t l = 0; l < 32; ++l) {
    a[l] = static_cast<std::uint32_t>(random());
    sum += a[l];
    most = std::max(most, a[l]);
    odd |= (a[l] & 1) << l;
  }
  auto all = [](std::uint32_t value) { return std::vector<std::uint32_t>(32, value); };
  EXPECT_EQ(runWarpOf("  redux.sync.add.u32 %r20, %r10, 0xffffffff;\n", a, b), all(sum));
  EXPECT_EQ(runWarpOf("  redux.sync.max.u32 %r20, %r10, 0xffffffff;\n", a, b), all(most));
  const std::string parity = "  and.b32 %r12, %r10, 1;\n  setp.ne.u32 %p1, %r12, 0;\n";
  EXPECT_EQ(runWarpOf(parity + "  vote.sync.ballot.b32 %r20, %p1, 0xffffffff;\n", a, b),
            all(odd));
  EXPECT_EQ(runWarpOf(parity + "  vote.sync.any.pred %p2, %p1, 0xffffffff;\n"
                               "  selp.b32 %r20, 1, 0, %p2;\n",
                      a, b),
            all(1));
  EXPECT_EQ(runWarpOf(parity + "  vote.sync.all.pred %p2, !%p1, 0xffffffff;\n"
                               "  selp.b32 %r20, 1, 0, %p2;\n",
                      a, b),
            all(0));
}

/// Collatz steps of each lane, then a shuffle: lanes leave the loop at different times and must
/// be together again behind it. `rotated`: the code behind the loop lies before it in the text.
TEST(Lanes, MeetAgainBehindLoopsOfDifferentLengths) {
  const std::string loop = "$LOOP:\n  setp.le.u32 %p1, %r12, 1;\n  @%p1 bra $BEHIND;\n"
                           "  add.s32 %r13, %r13, 1;\n  and.b32 %r14, %r12, 1;\n"
                           "  setp.eq.u32 %p2, %r14, 0;\n  @%p2 bra $EVEN;\n"
                           "  mad.lo.s32 %r12, %r12, 3, 1;\n  bra.uni $LOOP;\n"
                           "$EVEN:\n  shr.u32 %r12, %r12, 1;\n  bra.uni $LOOP;\n";
  const std::string behind = "$BEHIND:\n  bar.sync 0;\n"
                             "  shfl.sync.bfly.b32 %r15, %r13, 1, 31, 0xffffffff;\n"
                             "  shl.b32 %r15, %r15, 16;\n  or.b32 %r20, %r15, %r13;\n"
                             "  bra.uni $OUT;\n";
  const std::string start = "  mov.u32 %r12, %r10;\n  mov.u32 %r13, 0;\n";
  std::vector<std::uint32_t> a(32), steps(32, 0);
  for (std::uint32_t l = 0; l < 32; ++l) {
    a[l] = l * 37 + 1;
    for (std::uint32_t x = a[l]; x > 1; x = x % 2 ? 3 * x + 1 : x / 2)
      ++steps[l];
  }
  for (const std::string &body : {start + loop + behind + "$OUT:\n",
                                  start + "  bra.uni $LOOP;\n" + behind + loop + "$OUT:\n"}) {
    auto got = runWarpOf(body, a, a);
    for (std::uint32_t l = 0; l < 32; ++l)
      EXPECT_EQ(got[l], steps[l ^ 1] << 16 | steps[l]);
  }
}

TEST(Lanes, PredicatesGuardEachLane) {
  std::vector<std::uint32_t> a(32), b(32);
  for (std::uint32_t l = 0; l < 32; ++l) {
    a[l] = l;
    b[l] = 100 + l;
  }
  auto got = runWarpOf("  setp.lt.u32 %p1|%p2, %r10, 7;\n  mov.u32 %r20, 5;\n"
                       "  @%p1 mov.u32 %r20, %r11;\n  setp.gt.and.u32 %p3, %r10, 20, %p2;\n"
                       "  @!%p3 add.s32 %r20, %r20, 1000;\n",
                       a, b);
  for (std::uint32_t l = 0; l < 32; ++l)
    EXPECT_EQ(got[l], (l < 7 ? 100 + l : 5) + (l > 20 ? 0 : 1000));
}

TEST(Lanes, IntegerArithmeticMatchesTheHost) {
  std::mt19937 random(6);
  std::vector<std::uint32_t> a(32), b(32);
  struct Case {
    const char *text;
    std::uint32_t (*f)(std::uint32_t, std::uint32_t);
  };
  const Case cases[] = {
      {"mul.hi.u32 %r20, %r10, %r11",
       [](std::uint32_t x, std::uint32_t y) {
         return static_cast<std::uint32_t>(std::uint64_t(x) * y >> 32);
       }},
      {"mul.hi.s32 %r20, %r10, %r11",
       [](std::uint32_t x, std::uint32_t y) {
         return static_cast<std::uint32_t>(std::int64_t(std::int32_t(x)) * std::int32_t(y) >>
                                           32);
       }},
      {"shl.b32 %r20, %r10, %r11",
       [](std::uint32_t x, std::uint32_t y) { return y > 31 ? 0 : x << y; }},
      {"shr.s32 %r20, %r10, %r11",
       [](std::uint32_t x, std::uint32_t y) {
         return static_cast<std::uint32_t>(std::int32_t(x) >> (y > 31 ? 31 : y));
       }},
      {"prmt.b32 %r20, %r10, %r11, 0x5410",
       [](std::uint32_t x, std::uint32_t y) { return (x & 0xffff) | y << 16; }},
      {"lop3.b32 %r20, %r10, %r11, 0xff, 0x96",
       [](std::uint32_t x, std::uint32_t y) { return x ^ y ^ 0xff; }},
      {"bfe.u32 %r20, %r10, 5, 9", [](std::uint32_t x, std::uint32_t) { return x >> 5 & 511; }},
      {"bfe.s32 %r20, %r10, 28, 9",
       [](std::uint32_t x, std::uint32_t) {
         return static_cast<std::uint32_t>(std::int32_t(x) >> 28);
       }},
      {"bfi.b32 %r20, %r10, %r11, 8, 4",
       [](std::uint32_t x, std::uint32_t y) { return (y & ~0xf00u) | (x & 15) << 8; }},
      {"clz.b32 %r20, %r10",
       [](std::uint32_t x, std::uint32_t) {
         return x ? static_cast<std::uint32_t>(__builtin_clz(x)) : 32u;
       }},
      {"div.s32 %r20, %r10, %r11",
       [](std::uint32_t x, std::uint32_t y) {
         return y == 0 ? ~0u
                       : static_cast<std::uint32_t>(std::int64_t(std::int32_t(x)) /
                                                    std::int32_t(y));
       }},
      {"min.s32 %r20, %r10, %r11",
       [](std::uint32_t x, std::uint32_t y) {
         return static_cast<std::uint32_t>(std::min(std::int32_t(x), std::int32_t(y)));
       }},
      {"shf.l.wrap.b32 %r20, %r10, %r11, 7",
       [](std::uint32_t x, std::uint32_t y) { return y << 7 | x >> 25; }}};
  for (const Case &test : cases)
    for (int round = 0; round < 20; ++round) {
      for (std::uint32_t l = 0; l < 32; ++l) {
        a[l] = static_cast<std::uint32_t>(random()) >> (random() % 32);
        b[l] = static_cast<std::uint32_t>(random()) >> (random() % 32);
      }
      auto got = runWarpOf("  " + std::string(test.text) + ";\n", a, b);
      for (std::uint32_t l = 0; l < 32; ++l)
        ASSERT_EQ(got[l], test.f(a[l], b[l])) << test.text << " " << a[l] << " " << b[l];
    }
}

} // namespace
} // namespace ftc::emulator
