// The tensor core: exact on integers in every shape, within its bound on reals, and ldmatrix's
// layouts.
#include "test/emulator/suite/Reference.h"
#include "test/emulator/suite/Samples.h"

#include <gtest/gtest.h>

namespace ftc::emulator {
namespace {

struct Shape {
  const char *name, *type;
  unsigned k, bits; // bits of an element
  Format format;
};
const Shape kShapes[] = {
    {"m16n8k16", "bf16", 16, 16, kBf16}, {"m16n8k16", "f16", 16, 16, kF16},
    {"m16n8k8", "bf16", 8, 16, kBf16},   {"m16n8k8", "f16", 8, 16, kF16},
    {"m16n8k8", "tf32", 8, 32, kTf32},   {"m16n8k4", "tf32", 4, 32, kTf32}};

std::uint32_t encode(const Shape &shape, float x) {
  return shape.bits == 32 ? bitsOf(x) : roundTo(shape.format, x);
}

/// Fragments as the PTX ISA's figures give them, through one mma: D of A [16][k], B [k][8], C.
std::vector<float> multiply(TestGpu &gpu, const Shape &shape, const std::vector<float> &a,
                            const std::vector<float> &b, const std::vector<float> &c) {
  unsigned per = 32 / shape.bits, quad = 4 * per, steps = shape.k / quad;
  unsigned as = 2 * steps, bs = steps;
  auto names = [](const char *prefix, unsigned first, unsigned count) {
    std::string out = "{";
    for (unsigned i = 0; i < count; ++i)
      out += (i ? ", " : "") + std::string(prefix) + std::to_string(first + i);
    return out + "}";
  };
  std::string body = elementAddress("%rd10", "%rd0", 4) + elementAddress("%rd11", "%rd1", 4);
  for (unsigned i = 0; i < as + bs; ++i)
    body += "  ld.global.u32 %r" + std::to_string(20 + i) + ", [%rd10+" +
            std::to_string(i * 128) + "];\n";
  for (unsigned i = 0; i < 4; ++i)
    body += "  ld.global.f32 %f" + std::to_string(10 + i) + ", [%rd10+" +
            std::to_string((as + bs + i) * 128) + "];\n";
  body += "  mma.sync.aligned." + std::string(shape.name) + ".row.col.f32." + shape.type + "." +
          shape.type + ".f32 " + names("%f", 10, 4) + ", " + names("%r", 20, as) + ", " +
          names("%r", 20 + as, bs) + ", " + names("%f", 10, 4) + ";\n";
  for (unsigned i = 0; i < 4; ++i)
    body += "  st.global.f32 [%rd11+" + std::to_string(i * 128) + "], %f" +
            std::to_string(10 + i) + ";\n";
  gpu.load(kernelText(body));

  std::vector<std::uint32_t> fragments((as + bs + 4) * 32, 0);
  for (unsigned lane = 0; lane < 32; ++lane) {
    unsigned group = lane / 4, thread = lane % 4;
    for (unsigned i = 0; i < as; ++i)
      for (unsigned e = 0; e < per; ++e) {
        unsigned row = group + 8 * (i % 2), column = thread * per + e + quad * (i / 2);
        fragments[i * 32 + lane] |= encode(shape, a[row * shape.k + column]) << (16 * e);
      }
    for (unsigned i = 0; i < bs; ++i)
      for (unsigned e = 0; e < per; ++e)
        fragments[(as + i) * 32 + lane] |=
            encode(shape, b[(thread * per + e + quad * i) * 8 + group]) << (16 * e);
    for (unsigned i = 0; i < 4; ++i)
      fragments[(as + bs + i) * 32 + lane] =
          bitsOf(c[(group + 8 * (i / 2)) * 8 + thread * 2 + i % 2]);
  }
  std::uint64_t out = gpu.reserve(4 * 128);
  gpu.launch("k", 1, 32, {gpu.upload(fragments), out, 0, 0});
  std::vector<float> got = gpu.download<float>(out, 128), d(128);
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < 4; ++i)
      d[(lane / 4 + 8 * (i / 2)) * 8 + lane % 4 * 2 + i % 2] = got[i * 32 + lane];
  return d;
}

TEST(TensorCore, IsExactOnIntegersInEveryShape) {
  std::mt19937 random(1);
  for (const Shape &shape : kShapes)
    for (int mode = 0; mode < 3; ++mode)
      for (int round = 0; round < 10; ++round) {
        std::vector<float> a(16 * shape.k), b(shape.k * 8), c(128), expected(128);
        for (auto *values : {&a, &b, &c})
          for (float &value : *values)
            value = static_cast<float>(random() % 257) - 128.0f;
        for (unsigned i = 0; i < 16; ++i)
          for (unsigned n = 0; n < 8; ++n) {
            expected[i * 8 + n] = c[i * 8 + n];
            for (unsigned k = 0; k < shape.k; ++k)
              expected[i * 8 + n] += a[i * shape.k + k] * b[k * 8 + n];
          }
        TestGpu gpu(1 << 22);
        gpu.options.adversarial = mode > 0; // the hardware's sums are exact here too
        gpu.options.capability = mode == 2 ? 90 : 80;
        ASSERT_EQ(multiply(gpu, shape, a, b, c), expected) << shape.name << " " << shape.type;
      }
}

TEST(TensorCore, RealsAreWithinTheBoundOfTheirTerms) {
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  for (const Shape &shape : kShapes)
    for (int mode = 0; mode < 3; ++mode)
      for (int round = 0; round < 10; ++round) {
        std::vector<float> a(16 * shape.k), b(shape.k * 8), c(128);
        for (auto *values : {&a, &b})
          for (float &value : *values)
            value = static_cast<float>(
                valueOf(shape.format, roundTo(shape.format, normal(random))));
        for (float &value : c)
          value = 4 * normal(random);
        TestGpu gpu(1 << 22);
        gpu.options.adversarial = mode > 0;
        gpu.options.capability = mode == 2 ? 90 : 80;
        std::vector<float> d = multiply(gpu, shape, a, b, c);
        for (unsigned i = 0; i < 16; ++i)
          for (unsigned n = 0; n < 8; ++n) {
            double sum = c[i * 8 + n], terms = std::fabs(sum);
            for (unsigned k = 0; k < shape.k; ++k) {
              double product = double(a[i * shape.k + k]) * b[k * 8 + n];
              sum += product;
              terms += std::fabs(product);
            }
            // One rounding, or as the hardware: truncated terms and a truncated sum, twice on
            // sm_80.
            double bound = std::ldexp(terms, mode == 0 ? -24 : -22);
            ASSERT_LE(std::fabs(d[i * 8 + n] - sum), bound) << shape.name << " " << shape.type;
          }
      }
}

TEST(TensorCore, LdmatrixGivesEachLaneItsElements) {
  for (unsigned count : {1u, 2u, 4u})
    for (bool transposed : {false, true}) {
      std::string registers;
      for (unsigned i = 0; i < count; ++i)
        registers += (i ? ", %r" : "%r") + std::to_string(20 + i);
      // Element e of shared memory is e; rows of 8 elements, matrices of 8 rows, rotated by a
      // row.
      std::string body = "  mov.u32 %r10, data;\n  shl.b32 %r11, %r0, 4;\n"
                         "  add.s32 %r12, %r10, %r11;\n  mul.lo.s32 %r13, %r0, 8;\n";
      for (unsigned i = 0; i < 4; ++i)
        body +=
            "  add.s32 %r14, %r13, " + std::to_string(2 * i) +
            ";\n  add.s32 %r15, %r14, 1;\n"
            "  shl.b32 %r15, %r15, 16;\n  or.b32 %r14, %r14, %r15;\n  st.shared.u32 [%r12+" +
            std::to_string(4 * i) + "], %r14;\n";
      body +=
          "  bar.warp.sync 0xffffffff;\n  add.s32 %r16, %r0, 1;\n  and.b32 %r16, %r16, 31;\n"
          "  shl.b32 %r16, %r16, 4;\n  add.s32 %r16, %r16, %r10;\n"
          "  ldmatrix.sync.aligned.m8n8.x" +
          std::to_string(count) + (transposed ? ".trans" : "") + ".shared.b16 {" + registers +
          "}, [%r16];\n" + elementAddress("%rd10", "%rd0", 4);
      for (unsigned i = 0; i < count; ++i)
        body += "  st.global.u32 [%rd10+" + std::to_string(128 * i) + "], %r" +
                std::to_string(20 + i) + ";\n";
      TestGpu gpu(1 << 22);
      gpu.load(kernelText(body, ".shared .align 128 .b8 data[512];\n"));
      std::uint64_t out = gpu.reserve(512);
      gpu.launch("k", 1, 32, {out, 0, 0, 0});
      std::vector<std::uint32_t> got = gpu.download<std::uint32_t>(out, 32 * count);
      for (unsigned i = 0; i < count; ++i)
        for (unsigned lane = 0; lane < 32; ++lane) {
          auto element = [&](unsigned row, unsigned column) {
            return ((i * 8 + row + 1) % 32) * 8 + column;
          };
          unsigned major = lane / 4, minor = lane % 4 * 2;
          std::uint32_t low = transposed ? element(minor, major) : element(major, minor);
          std::uint32_t high =
              transposed ? element(minor + 1, major) : element(major, minor + 1);
          ASSERT_EQ(got[i * 32 + lane], low | high << 16) << count << " " << lane;
        }
    }
}

} // namespace
} // namespace ftc::emulator
