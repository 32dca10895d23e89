// A grid over the rate makes the rest linear: no start to choose, no local minima.
#include "assess/LearningCurve.h"

#include "runtime/support/Philox.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace ftc::assess {

namespace {

constexpr double kLeastRate = 0.1, kMostRate = 1.0, kRateStep = 0.05;
constexpr int kRedraws = 100;
/// No law is exact: points that are uncertain beside all else for each doubling beyond the
/// data.
constexpr double kStrangeness = 0.35;

/// Of a fit: the weighted squares that it leaves.
struct Fit {
  PowerLaw law;
  double squares = std::numeric_limits<double>::infinity();
};

Fit fitWithRate(std::span<const CurvePoint> points, double rate, double most) {
  double w = 0, wx = 0, wy = 0, wxx = 0, wxy = 0;
  for (const CurvePoint &point : points) {
    double weight = 1 / std::max(1e-6, point.error * point.error);
    double x = std::pow(point.rows, -rate);
    w += weight;
    wx += weight * x;
    wy += weight * point.value;
    wxx += weight * x * x;
    wxy += weight * x * point.value;
  }
  double determinant = w * wxx - wx * wx;
  double slope = determinant > 1e-18 * w * wxx ? (w * wxy - wx * wy) / determinant : 0;
  double top = (wy - slope * wx) / w;
  if (slope > 0) { // more data would not help: a constant
    slope = 0;
    top = wy / w;
  }
  if (top > most) {
    top = most;
    slope = wxx > 0 ? std::min(0.0, (wxy - top * wx) / wxx) : 0;
  }
  Fit fit{{top, -slope, rate}, 0};
  for (const CurvePoint &point : points) {
    double rest = point.value - fit.law.at(point.rows);
    fit.squares += rest * rest / std::max(1e-6, point.error * point.error);
  }
  return fit;
}

/// Standard normals by the seed (Box and Muller).
double normal(std::uint32_t seed, std::uint32_t draw, std::uint32_t index) {
  auto words = rt::philox({seed, 0x43555256u}, {draw, index, 0, 0});
  double u = (static_cast<double>(words[0]) + 0.5) / 4294967296.0;
  double v = static_cast<double>(words[1]) / 4294967296.0;
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
}

} // namespace

double PowerLaw::at(double rows) const {
  return top - drop * std::pow(std::max(1.0, rows), -rate);
}

double PowerLaw::rowsFor(double value) const {
  if (value >= top || drop <= 0)
    return value <= top ? 1 : std::numeric_limits<double>::infinity();
  return std::pow(drop / (top - value), 1 / rate);
}

PowerLaw fitPowerLaw(std::span<const CurvePoint> points, double most) {
  if (points.empty())
    return {};
  if (points.size() < 2)
    return {points[0].value, 0, 1};
  Fit best;
  for (double rate = kLeastRate; rate < kMostRate + kRateStep / 2; rate += kRateStep)
    if (Fit fit = fitWithRate(points, rate, most); fit.squares < best.squares - 1e-12)
      best = fit;
  return best.law;
}

Prediction around(double value, double error, double anew) {
  return around(value, Uncertainty{error}, Uncertainty{std::hypot(error, anew)});
}

Prediction around(double value, const Uncertainty &mean, const Uncertainty &one) {
  double half = quantileOf(mean.freedom) * mean.error,
         more = std::max(half, quantileOf(one.freedom) * one.error);
  auto within = [](double points) { return std::clamp(points, 0.0, 100.0); };
  return {value,
          mean.error,
          mean.freedom,
          within(value - half),
          within(value + half),
          within(value - more),
          within(value + more)};
}

Prediction extrapolate(std::span<const CurvePoint> points, double rows, double noise,
                       std::uint32_t seed, double most) {
  double value = fitPowerLaw(points, most).at(rows);
  double squares = 0, count = 0;
  std::vector<CurvePoint> drawn(points.begin(), points.end());
  for (int draw = 0; draw < kRedraws; ++draw) {
    for (std::size_t i = 0; i < points.size(); ++i)
      drawn[i].value = points[i].value + points[i].error * normal(seed, draw, i);
    double other = fitPowerLaw(drawn, most).at(rows) - value;
    squares += other * other;
    ++count;
  }
  double variance = count ? squares / count : 0;
  double last = points.empty() ? rows : points.back().rows;
  double strange = kStrangeness * std::max(0.0, std::log2(rows / std::max(1.0, last)));
  variance += strange * strange;

  return around(value, std::sqrt(variance + noise * noise));
}

} // namespace ftc::assess
