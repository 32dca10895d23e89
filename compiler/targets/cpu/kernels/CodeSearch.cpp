// The dynamic maps of 8-bit moments, and tables that find a value's nearest code.
#include "compiler/targets/cpu/kernels/AdamW8bit.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace ftc::cpu {

/// torch.linspace(0.1, 1, count) in f32: from both ends towards the middle.
static std::vector<float> boundaries(int count) {
  std::vector<float> values(count);
  float step = (1.0f - 0.1f) / static_cast<float>(count - 1);
  for (int i = 0; i < count; ++i)
    values[i] = i < count / 2 ? std::fma(step, static_cast<float>(i), 0.1f)
                              : std::fma(-step, static_cast<float>(count - 1 - i), 1.0f);
  return values;
}

std::array<float, 256> dynamicMap(bool isSigned) {
  std::vector<float> values{0.0f, 1.0f};
  for (int exponent = 0; exponent < 7; ++exponent) {
    std::vector<float> edges = boundaries((1 << (exponent + (isSigned ? 0 : 1))) + 1);
    auto scale = static_cast<float>(std::pow(10.0, exponent - 6));
    for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
      float value = scale * ((edges[i] + edges[i + 1]) / 2.0f);
      values.push_back(value);
      if (isSigned)
        values.push_back(-value);
    }
  }
  std::sort(values.begin(), values.end());
  std::array<float, 256> map;
  std::copy(values.begin(), values.end(), map.begin());
  return map;
}

/// The largest float in [low, high] that is not nearer to `high`, distances rounded to f32.
static float threshold(float low, float high) {
  auto staysLow = [&](float x) { return !(high - x < x - low); };
  float left = low, right = high;
  while (std::nextafter(left, right) < right) {
    float middle = left + (right - left) / 2;
    if (middle == left || middle == right)
      middle = std::nextafter(left, right);
    (staysLow(middle) ? left : right) = middle;
  }
  return left;
}

CodeSearch::CodeSearch(bool isSigned) : shift(isSigned ? 17 : 16) {
  std::array<float, 256> values = dynamicMap(isSigned);
  map.assign(values.begin(), values.end());
  for (std::size_t i = 0; i + 1 < map.size(); ++i)
    thresholds.push_back(threshold(map[i], map[i + 1]));
  thresholds.push_back(std::numeric_limits<float>::infinity());
  // Every threshold's magnitude is above 2^-23, so that smaller values share cell 0.
  firstCell = std::bit_cast<std::int32_t>(0x1p-23f) >> shift;
  magnitudes = (std::bit_cast<std::int32_t>(1.0f) >> shift) - firstCell + 1;
  for (bool negative : {false, true}) {
    if (negative && !isSigned)
      break;
    for (std::int32_t cell = 0; cell < magnitudes; ++cell) {
      // The least value of the cell: its nearest to 0, or, negative, its farthest.
      std::int32_t bits = (firstCell + cell) << shift;
      float least = negative    ? -std::bit_cast<float>(bits | ((1 << shift) - 1))
                    : cell == 0 ? 0.0f
                                : std::bit_cast<float>(bits);
      cells.push_back(static_cast<std::int32_t>(
          std::lower_bound(thresholds.begin(), thresholds.end(), least) - thresholds.begin()));
    }
  }
}

} // namespace ftc::cpu
