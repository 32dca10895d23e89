// Products by panels are those of the definition, whatever the sizes.
#include "assess/Dense.h"

#include <gtest/gtest.h>

#include <array>

using namespace ftc::assess;

namespace {

/// Small integers: sums are exact in any order.
Matrix numbered(std::int64_t rows, std::int64_t columns, std::int64_t step) {
  Matrix out(rows, columns);
  for (std::size_t i = 0; i < out.values.size(); ++i)
    out.values[i] = static_cast<float>(static_cast<std::int64_t>(i) * step % 13 - 6);
  return out;
}

TEST(Dense, ProductsOfEverySizeOfTail) {
  for (auto [n, d, c] : {std::array<std::int64_t, 3>{1, 1, 1},
                         {3, 7, 2},
                         {4, 8, 16},
                         {5, 9, 17},
                         {11, 30, 33},
                         {0, 3, 2}}) {
    Matrix x = numbered(n, d, 5), w = numbered(d, c, 7), r = numbered(n, c, 3), out;
    std::vector<float> bias(c);
    for (std::int64_t j = 0; j < c; ++j)
      bias[j] = static_cast<float>(j);
    multiplyAdd(x, w, bias, out);
    ASSERT_EQ(out.values.size(), static_cast<std::size_t>(n * c));
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < c; ++j) {
        float sum = bias[j];
        for (std::int64_t k = 0; k < d; ++k)
          sum += x.row(i)[k] * w.row(k)[j];
        EXPECT_EQ(out.row(i)[j], sum) << n << " " << d << " " << c;
      }
    multiplyTransposed(x, r, out);
    ASSERT_EQ(out.values.size(), static_cast<std::size_t>(d * c));
    for (std::int64_t k = 0; k < d; ++k)
      for (std::int64_t j = 0; j < c; ++j) {
        float sum = 0;
        for (std::int64_t i = 0; i < n; ++i)
          sum += x.row(i)[k] * r.row(i)[j];
        EXPECT_EQ(out.row(k)[j], sum) << n << " " << d << " " << c;
      }
  }
}

} // namespace
