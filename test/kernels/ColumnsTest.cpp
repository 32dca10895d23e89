// Column splits and rotary positions against f64 references; a row's bits in company.
#include "compiler/targets/cpu/kernels/Columns.h"
#include "test/kernels/KernelHarness.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace ftc::cpu;
using namespace ftc::cpu::test;

namespace {

std::shared_ptr<Rotary> rotaryOf(std::int64_t heads, std::int64_t half, double theta) {
  auto spec = std::make_shared<Rotary>();
  spec->heads = heads;
  for (std::int64_t i = 0; i < half; ++i)
    spec->frequencies.push_back(float(std::pow(theta, -double(i) / half)));
  return spec;
}

} // namespace

TEST(Columns, SplitIsUndoneByConcat) {
  for (const CpuIsa *isa : runnableIsas())
    for (const std::vector<std::int64_t> &widths :
         {std::vector<std::int64_t>{60, 60, 60}, {1, 33, 16, 8}, {5}}) {
      auto split = std::make_shared<SplitColumns>(), concat = std::make_shared<SplitColumns>();
      split->widths = concat->widths = widths;
      concat->concat = true;
      KernelLibrary library({split, concat}, *isa);
      std::int64_t total = 0;
      for (std::int64_t width : widths)
        total += width;
      for (std::int64_t rows : {0, 1, 37}) {
        Floats x = randomFloats(rows * total, 1), back = randomFloats(rows * total, 2);
        std::vector<Floats> parts;
        for (std::int64_t width : widths)
          parts.push_back(randomFloats(rows * width, 3));
        std::vector<void *> outs{x.data()}, ins;
        for (Floats &part : parts)
          outs.push_back(part.data()), ins.push_back(part.data());
        ins.push_back(back.data());
        library.run(*split, outs, {rows}, {}, Split::Pieces);
        std::int64_t from = 0;
        for (std::size_t p = 0; p < parts.size(); from += widths[p++]) {
          ASSERT_TRUE(parts[p].intact());
          for (std::int64_t r = 0; r < rows; ++r)
            for (std::int64_t c = 0; c < widths[p]; ++c)
              ASSERT_EQ(parts[p][r * widths[p] + c], x[r * total + from + c]);
        }
        library.run(*concat, ins, {rows}, {}, Split::Pieces);
        ASSERT_TRUE(back.intact() && back == x) << concat->key(*isa);
      }
    }
}

TEST(Rotary, MatchesReferenceAndIsUndoneByItsInverse) {
  for (const CpuIsa *isa : runnableIsas())
    for (auto [heads, half, scale] : {std::tuple<std::int64_t, std::int64_t, double>{3, 16, 1},
                                      {2, 32, 1},
                                      {1, 5, 0.75},
                                      {4, 1, 1},
                                      {2, 20, 1}}) {
      auto forward = rotaryOf(heads, half, 1e4), backward = rotaryOf(heads, half, 1e4);
      forward->scale = backward->scale = scale;
      backward->inverse = true;
      KernelLibrary library({forward, backward}, *isa);
      std::int64_t width = heads * 2 * half;
      for (std::int64_t rows : {0, 1, 37}) {
        Floats x = randomFloats(rows * width, 1), y(rows * width), back(rows * width);
        Ints positions(rows);
        for (std::int64_t r = 0; r < rows; ++r)
          positions[r] = int(r * r * 97 % 131072);
        library.run(*forward, {x.data(), positions.data(), y.data()}, {rows}, {},
                    Split::Pieces);
        library.run(*backward, {y.data(), positions.data(), back.data()}, {rows});
        ASSERT_TRUE(y.intact() && back.intact());
        for (std::int64_t r = 0; r < rows; ++r)
          for (std::int64_t h = 0; h < heads; ++h)
            for (std::int64_t i = 0; i < half; ++i) {
              float angle = float(positions[r]) * forward->frequencies[i];
              double c = scale * std::cos(double(angle)), s = scale * std::sin(double(angle));
              std::int64_t at = (r * heads + h) * 2 * half + i;
              // Sine and cosine to 1.2e-7, one rounding each of products of |x| < 1.
              ASSERT_NEAR(y[at], c * x[at] - s * x[at + half], 4e-7) << forward->key(*isa);
              ASSERT_NEAR(y[at + half], c * x[at + half] + s * x[at], 4e-7);
              ASSERT_NEAR(back[at], scale * scale * x[at], 8e-7) << backward->key(*isa);
            }
        if (rows < 2)
          continue;
        Floats alone(width);
        library.run(*forward, {x.data() + width, positions.data() + 1, alone.data()}, {1});
        ASSERT_EQ(0, std::memcmp(alone.data(), y.data() + width, 4 * width));
      }
    }
}

TEST(Rotary, SinesStayExactOverLongContexts) {
  for (const CpuIsa *isa : runnableIsas()) {
    auto spec = rotaryOf(1, 1, 1);
    KernelLibrary library({spec}, *isa);
    std::int64_t rows = 1 << 20;
    Floats x(2 * rows), y(2 * rows);
    Ints positions(rows);
    for (std::int64_t r = 0; r < rows; ++r)
      positions[r] = int(r), x[2 * r] = 1;
    library.run(*spec, {x.data(), positions.data(), y.data()}, {rows});
    double worst = 0;
    for (std::int64_t r = 0; r < rows; ++r)
      worst = std::max({worst, std::abs(y[2 * r] - std::cos(double(r))),
                        std::abs(y[2 * r + 1] - std::sin(double(r)))});
    EXPECT_LE(worst, 1.2e-7) << isa->name;
  }
}
