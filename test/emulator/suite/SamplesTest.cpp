// The sample kernels against the host.
#include "test/emulator/suite/Samples.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace ftc::emulator {
namespace {

TEST(Samples, ScanAndTransposeAreExact) {
  TestGpu gpu;
  gpu.load(sampleText("scan"));
  const std::int64_t rows = 4, n = 100;
  std::vector<std::int32_t> x(rows * n);
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<std::int32_t>(i * i % 1013);
  std::uint64_t y = gpu.reserve(rows * n * 4), z = gpu.reserve(rows * 4);
  gpu.launch("scan", rows, 128,
             {gpu.upload(x), y, z, gpu.upload(std::vector<std::int64_t>{rows, n})});
  auto sums = gpu.download<std::int32_t>(y, rows * n),
       totals = gpu.download<std::int32_t>(z, rows);
  for (std::int64_t r = 0; r < rows; ++r) {
    std::int32_t sum = 0;
    for (std::int64_t i = 0; i < n; ++i)
      ASSERT_EQ(sums[static_cast<std::size_t>(r * n + i)],
                sum += x[static_cast<std::size_t>(r * n + i)]);
    EXPECT_EQ(totals[static_cast<std::size_t>(r)], sum);
  }

  gpu.load(sampleText("transpose"));
  const std::int64_t columns = 45;
  std::uint64_t out = gpu.reserve(70 * columns * 4);
  std::vector<std::int32_t> values(70 * columns);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<std::int32_t>(i);
  gpu.launch(
      "transpose", 6, 256,
      {gpu.upload(values), out, gpu.upload(std::vector<std::int64_t>{6, 70, columns, 2})});
  auto turned = gpu.download<std::int32_t>(out, 70 * columns);
  for (std::int64_t c = 0; c < columns; ++c)
    for (std::int64_t r = 0; r < 70; ++r)
      ASSERT_EQ(turned[static_cast<std::size_t>(c * 70 + r)], r * columns + c);
}

TEST(Samples, GemmIsExactOnIntegers) {
  for (auto [m, n, k] : {std::array{1, 16, 16}, {32, 16, 32}, {37, 48, 112}, {100, 32, 64}}) {
    TestGpu gpu;
    gpu.load(sampleText("gemm"));
    std::vector<std::uint16_t> a(static_cast<std::size_t>(m * k)),
        b(static_cast<std::size_t>(n * k));
    std::vector<int> ai(a.size()), bi(b.size());
    auto fill = [](std::vector<std::uint16_t> &bits, std::vector<int> &values, int step) {
      for (std::size_t i = 0; i < bits.size(); ++i) {
        values[i] = static_cast<int>(i * static_cast<std::size_t>(step) % 61) - 30;
        auto x = static_cast<float>(values[i]);
        bits[i] = static_cast<std::uint16_t>(__builtin_bit_cast(std::uint32_t, x) >> 16);
      }
    };
    fill(a, ai, 7);
    fill(b, bi, 11);
    std::int64_t tasks = (m + 31) / 32 * (n / 16);
    std::uint64_t c = gpu.reserve(static_cast<std::uint64_t>(m * n * 4));
    gpu.launch("gemm", static_cast<std::uint32_t>(tasks), 64,
               {gpu.upload(a), gpu.upload(b), c,
                gpu.upload(std::vector<std::int64_t>{tasks, m, n, k})});
    auto got = gpu.download<float>(c, static_cast<std::size_t>(m * n));
    for (int i = 0; i < m; ++i)
      for (int j = 0; j < n; ++j) {
        int sum = 0;
        for (int q = 0; q < k; ++q)
          sum +=
              ai[static_cast<std::size_t>(i * k + q)] * bi[static_cast<std::size_t>(j * k + q)];
        ASSERT_EQ(got[static_cast<std::size_t>(i * n + j)], static_cast<float>(sum));
      }
  }
}

TEST(Samples, SoftmaxKeepsItsToleranceAtTheApproximationsBounds) {
  for (bool adversarial : {false, true}) {
    TestGpu gpu;
    gpu.options.adversarial = adversarial;
    gpu.load(sampleText("softmax"));
    const std::int64_t rows = 3, n = 333;
    std::vector<float> x(rows * n);
    for (std::size_t i = 0; i < x.size(); ++i)
      x[i] = std::sin(static_cast<float>(i)) * 9;
    std::uint64_t y = gpu.reserve(rows * n * 4);
    gpu.launch("softmax", rows, 128,
               {gpu.upload(x), y, gpu.upload(std::vector<std::int64_t>{rows, n})});
    auto got = gpu.download<float>(y, rows * n);
    for (std::int64_t r = 0; r < rows; ++r) {
      double sum = 0;
      for (std::int64_t i = 0; i < n; ++i)
        sum += std::exp(double(x[static_cast<std::size_t>(r * n + i)]));
      for (std::int64_t i = 0; i < n; ++i) {
        double exact = std::exp(double(x[static_cast<std::size_t>(r * n + i)])) / sum;
        // The exponent is up to 27 in 24 bits, and ex2 is off by two units.
        ASSERT_NEAR(got[static_cast<std::size_t>(r * n + i)], exact, exact * 0x1p-17);
      }
    }
  }
}

/// What the report counts, on accesses whose cost is known.
TEST(Cost, CountsSectorsAndBankConflicts) {
  struct Case {
    const char *text;
    std::uint64_t sectors, waves;
  };
  const Case cases[] = {
      {"  mul.wide.u32 %rd10, %r0, 4;\n  add.s64 %rd10, %rd10, %rd0;\n"
       "  ld.global.u32 %r20, [%rd10];\n",
       4, 0},
      {"  mul.wide.u32 %rd10, %r0, 32;\n  add.s64 %rd10, %rd10, %rd0;\n"
       "  ld.global.u32 %r20, [%rd10];\n",
       32, 0},
      {"  ld.global.u32 %r20, [%rd0];\n", 1, 0},
      {"  mov.u32 %r10, data;\n  shl.b32 %r11, %r0, 2;\n  add.s32 %r11, %r11, %r10;\n"
       "  st.shared.u32 [%r11], %r0;\n",
       0, 1},
      {"  mov.u32 %r10, data;\n  shl.b32 %r11, %r0, 7;\n  add.s32 %r11, %r11, %r10;\n"
       "  st.shared.u32 [%r11], %r0;\n",
       0, 32},
      {"  mov.u32 %r10, data;\n  shl.b32 %r11, %r0, 4;\n  add.s32 %r11, %r11, %r10;\n"
       "  st.shared.v4.u32 [%r11], {%r0, %r0, %r0, %r0};\n",
       0, 4}};
  for (const Case &test : cases) {
    TestGpu gpu;
    gpu.options.cost = true;
    gpu.load(kernelText(test.text, ".shared .align 16 .b8 data[4096];\n"));
    gpu.launch("k", 1, 32, {gpu.upload(std::vector<std::uint32_t>(1024, 1)), 0, 0, 0});
    EXPECT_EQ(gpu.counters.globalSectors, test.sectors) << test.text;
    EXPECT_EQ(gpu.counters.sharedWaves, test.waves) << test.text;
  }
}

} // namespace
} // namespace ftc::emulator
