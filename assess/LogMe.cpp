// Singular values and what the left singular vectors say of the targets come from the smaller
// Gram matrix: its eigenvalues are their squares.
#include "assess/LogMe.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ftc::assess {

namespace {

constexpr double kLeastSingular = 1e-10, kEpsilon = 1e-5, kTolerance = 1e-3;
constexpr int kRounds = 11;

/// Of one SVD f = u s vᵀ: the squares of s, and u [n, k].
struct Singular {
  std::vector<double> squares;
  DoubleMatrix left; ///< [k, n]: its columns as rows
};

Singular decompose(const Matrix &f) {
  bool tall = f.rows > f.columns;
  SymmetricEigen eigen = eigenOfSymmetric(gram(f, /*columns=*/tall));
  Singular out;
  std::vector<std::int64_t> kept;
  for (std::int64_t i = static_cast<std::int64_t>(eigen.values.size()) - 1; i >= 0; --i) {
    double square = std::max(0.0, eigen.values[i]);
    if (tall && std::sqrt(square) <= kLeastSingular)
      continue;
    out.squares.push_back(square);
    kept.push_back(i);
  }
  out.left = DoubleMatrix(static_cast<std::int64_t>(kept.size()), f.rows);
  for (std::size_t k = 0; k < kept.size(); ++k) {
    std::span<const double> vector = eigen.vectors.row(kept[k]);
    std::span<double> u = out.left.row(static_cast<std::int64_t>(k));
    if (!tall) {
      std::copy(vector.begin(), vector.end(), u.begin());
      continue;
    }
    double scale = 1 / std::sqrt(out.squares[k]);
    for (std::int64_t i = 0; i < f.rows; ++i) {
      double sum = 0;
      std::span<const float> row = f.row(i);
      for (std::int64_t j = 0; j < f.columns; ++j)
        sum += static_cast<double>(row[j]) * vector[j];
      u[i] = sum * scale;
    }
  }
  return out;
}

/// `projected` [k]: the squares of uᵀ y; `rest`: |y|² without their sum.
double evidence(const std::vector<double> &squares, const std::vector<double> &projected,
                double rest, double n, double d) {
  double alpha = 1, beta = 1, m2 = 0, res2 = 0;
  for (int round = 0; round < kRounds; ++round) {
    double t = alpha / beta, gamma = 0;
    m2 = 0;
    res2 = rest;
    for (std::size_t k = 0; k < squares.size(); ++k) {
      double sum = squares[k] + t, shrink = 1 + squares[k] / t;
      gamma += squares[k] / sum;
      m2 += squares[k] * projected[k] / (sum * sum);
      res2 += projected[k] / (shrink * shrink);
    }
    alpha = gamma / (m2 + kEpsilon);
    beta = (n - gamma) / (res2 + kEpsilon);
    if (std::abs(alpha / beta - t) / t <= kTolerance)
      break;
  }
  double logs = 0;
  for (double square : squares)
    logs += std::log(alpha + beta * square);
  double total = d / 2 * std::log(alpha) + n / 2 * std::log(beta) - logs / 2 - beta / 2 * res2 -
                 alpha / 2 * m2 - n / 2 * std::log(2 * std::numbers::pi);
  return total / n;
}

} // namespace

double logMe(const Matrix &features, const DoubleMatrix &targets) {
  Singular svd = decompose(features);
  std::vector<double> projected(svd.squares.size());
  double sum = 0;
  for (std::int64_t column = 0; column < targets.columns; ++column) {
    double rest = 0;
    for (std::int64_t i = 0; i < targets.rows; ++i)
      rest += targets.row(i)[column] * targets.row(i)[column];
    for (std::size_t k = 0; k < projected.size(); ++k) {
      double dot = 0;
      std::span<const double> u = svd.left.row(static_cast<std::int64_t>(k));
      for (std::int64_t i = 0; i < targets.rows; ++i)
        dot += u[i] * targets.row(i)[column];
      projected[k] = dot * dot;
      rest -= projected[k];
    }
    sum += evidence(svd.squares, projected, rest, static_cast<double>(features.rows),
                    static_cast<double>(features.columns));
  }
  return sum / static_cast<double>(targets.columns);
}

double logMeOfClasses(const Matrix &features, std::span<const std::int32_t> labels) {
  std::int32_t classes = *std::max_element(labels.begin(), labels.end()) + 1;
  DoubleMatrix targets(features.rows, classes);
  for (std::int64_t i = 0; i < features.rows; ++i)
    targets.row(i)[labels[i]] = 1;
  return logMe(features, targets);
}

} // namespace ftc::assess
