// Two passes: sums of squares are taken around the means.
#include "runtime/metrics/Regression.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace ftc::rt {

static double mean(std::span<const double> values) {
  double sum = std::accumulate(values.begin(), values.end(), 0.0);
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

double meanSquaredError(std::span<const double> truth, std::span<const double> found) {
  double sum = 0;
  for (std::size_t i = 0; i < truth.size(); ++i)
    sum += (truth[i] - found[i]) * (truth[i] - found[i]);
  return truth.empty() ? 0 : sum / static_cast<double>(truth.size());
}

double populationVariance(std::span<const double> values) {
  std::vector<double> middle(values.size(), mean(values));
  return meanSquaredError(values, middle);
}

double pearsonCorrelation(std::span<const double> a, std::span<const double> b) {
  double meanA = mean(a), meanB = mean(b), squaresA = 0, squaresB = 0, products = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    double x = a[i] - meanA, y = b[i] - meanB;
    squaresA += x * x;
    squaresB += y * y;
    products += x * y;
  }
  double scale = std::sqrt(squaresA) * std::sqrt(squaresB);
  return scale > 0 ? std::clamp(products / scale, -1.0, 1.0) : 0;
}

/// Ranks from 1, the mean of their ranks for equal values.
static std::vector<double> ranksOf(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](std::size_t i, std::size_t j) { return values[i] < values[j]; });
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]])
      ++end;
    double rank = static_cast<double>(begin + end + 1) / 2;
    for (; begin < end; ++begin)
      ranks[order[begin]] = rank;
  }
  return ranks;
}

double spearmanCorrelation(std::span<const double> a, std::span<const double> b) {
  return pearsonCorrelation(ranksOf(a), ranksOf(b));
}

} // namespace ftc::rt
