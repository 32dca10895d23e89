// Conversions of all floats (with FTC_LONG) or of a stride of them, and arithmetic of all pairs
// of 16-bit floats, against rounding the obvious way.
#include "test/emulator/suite/Reference.h"
#include "test/emulator/suite/Samples.h"

#include <gtest/gtest.h>

#include <thread>

namespace ftc::emulator {
namespace {

constexpr std::uint32_t kBatch = 1u << 20;

/// Runs `body`, which makes %r20 of %r10 = p2 + %r2 * p3, over kBatch values from `first` on.
std::vector<std::uint32_t> runBatch(TestGpu &gpu, std::uint64_t out, std::uint64_t first,
                                    std::uint64_t stride, std::uint64_t other = 0) {
  gpu.launch("k", kBatch / 256, 256, {out, other, first, stride});
  return gpu.download<std::uint32_t>(out, kBatch);
}

std::string unaryText(const std::string &operation) {
  return kernelText("  cvt.u32.u64 %r11, %rd2;\n  cvt.u32.u64 %r12, %rd3;\n"
                    "  mad.lo.s32 %r10, %r2, %r12, %r11;\n  mov.b32 %f10, %r10;\n" +
                        operation + elementAddress("%rd10", "%rd0", 4) +
                        "  st.global.u32 [%rd10], %r20;\n",
                    "", "sm_90");
}

void checkConversion(const std::string &operation,
                     const std::function<std::uint32_t(float)> &reference) {
  TestGpu gpu;
  gpu.load(unaryText(operation));
  std::uint64_t out = gpu.reserve(kBatch * 4);
  std::uint32_t stride = longTests() ? 1 : 2053; // prime: all low bits come by
  std::uint64_t count = (std::uint64_t(1) << 32) / stride;
  for (std::uint64_t begin = 0; begin < count; begin += kBatch) {
    std::vector<std::uint32_t> got = runBatch(gpu, out, begin * stride, stride);
    for (std::uint32_t i = 0; i < kBatch; ++i) {
      float x = floatOf(static_cast<std::uint32_t>((begin + i) * stride));
      std::uint32_t expected = reference(x);
      ASSERT_EQ(got[i], expected) << "of " << x << " (" << std::hex << bitsOf(x) << ")";
    }
  }
}

TEST(Conversions, F32ToBf16) {
  checkConversion("  cvt.rn.bf16.f32 %rs10, %f10;\n  cvt.u32.u16 %r20, %rs10;\n",
                  [](float x) { return roundTo(kBf16, x); });
}
TEST(Conversions, F32ToF16) {
  checkConversion("  cvt.rn.f16.f32 %rs10, %f10;\n  cvt.u32.u16 %r20, %rs10;\n",
                  [](float x) { return roundTo(kF16, x); });
}
TEST(Conversions, F32ToTf32AwayFromZero) {
  checkConversion("  cvt.rna.tf32.f32 %r20, %f10;\n", [](float x) {
    return std::isnan(x) ? 0x7fffffffu : roundTo(kTf32, x, true) << 13;
  });
}
TEST(Conversions, F32ToIntegersTowardZero) {
  checkConversion("  cvt.rzi.s32.f32 %r20, %f10;\n", [](float x) {
    if (std::isnan(x))
      return 0u;
    double t = std::trunc(static_cast<double>(x));
    return static_cast<std::uint32_t>(t >= 2147483647.0    ? INT32_MAX
                                      : t <= -2147483648.0 ? INT32_MIN
                                                           : static_cast<std::int32_t>(t));
  });
}
TEST(Conversions, TwoF32ToPackedBf16) {
  checkConversion("  neg.f32 %f11, %f10;\n  cvt.rn.bf16x2.f32 %r20, %f10, %f11;\n",
                  [](float x) { return roundTo(kBf16, x) << 16 | roundTo(kBf16, -x); });
}
TEST(Conversions, IntegersToF32) {
  checkConversion("  cvt.rn.f32.s32 %f11, %r10;\n  mov.b32 %r20, %f11;\n", [](float x) {
    return bitsOf(static_cast<float>(static_cast<std::int32_t>(bitsOf(x))));
  });
}
TEST(Conversions, SixteenBitsToF32AreExact) {
  for (const auto &[name, format] : {std::pair("bf16", kBf16), std::pair("f16", kF16)}) {
    TestGpu gpu;
    gpu.load(unaryText("  cvt.u16.u32 %rs10, %r10;\n  cvt.f32." + std::string(name) +
                       " %f11, %rs10;\n  mov.b32 %r20, %f11;\n"));
    std::uint64_t out = gpu.reserve(kBatch * 4);
    std::vector<std::uint32_t> got = runBatch(gpu, out, 0, 1);
    for (std::uint32_t bits = 0; bits < 65536; ++bits) {
      double value = valueOf(format, bits);
      std::uint32_t expected =
          std::isnan(value) ? 0x7fffffffu : bitsOf(static_cast<float>(value));
      ASSERT_EQ(got[bits], expected) << name << " " << std::hex << bits;
    }
  }
}

/// `operation` makes %rs20 of %rs10 and %rs11: pairs (a, b), b = a number of pairs apart.
void checkPairs(const Format &format, const std::string &operation,
                const std::function<long double(double, double)> &reference) {
  TestGpu gpu;
  gpu.load(kernelText("  cvt.u64.u32 %rd10, %r2;\n  mad.lo.s64 %rd11, %rd10, %rd3, %rd2;\n"
                      "  cvt.u16.u64 %rs10, %rd11;\n  shr.u64 %rd12, %rd11, 16;\n"
                      "  cvt.u16.u64 %rs11, %rd12;\n" +
                          operation + "  cvt.u32.u16 %r20, %rs20;\n" +
                          elementAddress("%rd13", "%rd0", 4) +
                          "  st.global.u32 [%rd13], %r20;\n",
                      "", "sm_90"));
  std::uint64_t out = gpu.reserve(kBatch * 4);
  std::uint64_t stride = longTests() ? 1 : 8191, count = (std::uint64_t(1) << 32) / stride;
  for (std::uint64_t begin = 0; begin < count; begin += kBatch) {
    std::vector<std::uint32_t> got = runBatch(gpu, out, begin * stride, stride);
    for (std::uint32_t i = 0; i < kBatch; ++i) {
      auto pair = static_cast<std::uint32_t>((begin + i) * stride);
      double a = valueOf(format, pair & 0xffff), b = valueOf(format, pair >> 16);
      std::uint32_t expected = roundTo(format, reference(a, b));
      ASSERT_EQ(got[i], expected) << a << ", " << b;
    }
  }
}

TEST(Halves, Bf16SumsAndProducts) {
  checkPairs(kBf16, "  add.rn.bf16 %rs20, %rs10, %rs11;\n",
             [](double a, double b) { return static_cast<long double>(a) + b; });
  checkPairs(kBf16, "  mul.rn.bf16 %rs20, %rs10, %rs11;\n",
             [](double a, double b) -> long double { return a * b; });
}
TEST(Halves, F16SumsAndProducts) {
  checkPairs(kF16, "  add.rn.f16 %rs20, %rs10, %rs11;\n",
             [](double a, double b) { return static_cast<long double>(a) + b; });
  checkPairs(kF16, "  mul.rn.f16 %rs20, %rs10, %rs11;\n",
             [](double a, double b) -> long double { return a * b; });
}
TEST(Halves, FusedMultiplyAddRoundsOnce) {
  for (const auto &[name, format] : {std::pair("bf16", kBf16), std::pair("f16", kF16)})
    checkPairs(format, "  fma.rn." + std::string(name) + " %rs20, %rs10, %rs11, %rs10;\n",
               [](double a, double b) { return fusedSum(a, b, a); });
}

/// Approximations: the default is correctly rounded, adversarial mode within the PTX ISA's
/// bound.
TEST(Approximations, KeepTheirBounds) {
  struct Case {
    const char *name;
    double (*exact)(double);
    double low, high, ulps, relative, absolute;
  };
  const Case cases[] = {
      {"ex2.approx.f32", [](double x) { return std::exp2(x); }, -100, 100, 2, 0, 0},
      {"rcp.approx.f32", [](double x) { return 1 / x; }, 0.001, 1000, 1, 0, 0},
      {"rsqrt.approx.f32", [](double x) { return 1 / std::sqrt(x); }, 0.001, 1000, 0,
       std::exp2(-22.9), 0},
      {"lg2.approx.f32", [](double x) { return std::log2(x); }, 0.001, 1000, 0, std::exp2(-22),
       std::exp2(-22)},
      {"sqrt.approx.f32", [](double x) { return std::sqrt(x); }, 0.001, 1000, 0, std::exp2(-23),
       0},
      {"tanh.approx.f32", [](double x) { return std::tanh(x); }, -8, 8, 0, std::exp2(-11), 0}};
  constexpr std::uint32_t count = 1 << 14;
  for (const Case &test : cases)
    for (bool adversarial : {false, true}) {
      TestGpu gpu;
      gpu.options.adversarial = adversarial;
      gpu.load(kernelText(elementAddress("%rd10", "%rd1", 4) +
                          elementAddress("%rd11", "%rd0", 4) +
                          "  ld.global.f32 %f10, [%rd10];\n  " + test.name +
                          " %f11, %f10;\n"
                          "  st.global.f32 [%rd11], %f11;\n"));
      std::vector<float> x(count);
      for (std::uint32_t i = 0; i < count; ++i)
        x[i] = static_cast<float>(test.low + (test.high - test.low) * (i + 0.37) / count);
      std::uint64_t out = gpu.reserve(count * 4);
      gpu.launch("k", count / 256, 256, {out, gpu.upload(x), 0, 0});
      std::vector<float> got = gpu.download<float>(out, count);
      std::uint32_t differ = 0;
      for (std::uint32_t i = 0; i < count; ++i) {
        double exact = test.exact(x[i]);
        auto nearest = static_cast<float>(exact);
        differ += got[i] != nearest;
        double ulp = std::ldexp(1.0, std::ilogb(exact) - 23);
        double bound = test.ulps * ulp + test.relative * std::fabs(exact) + test.absolute;
        ASSERT_LE(std::fabs(got[i] - exact), bound * (1 + 1e-9)) << test.name << " of " << x[i];
      }
      EXPECT_EQ(differ == 0, !adversarial) << test.name << ": " << differ << " differ";
    }
}

} // namespace
} // namespace ftc::emulator
