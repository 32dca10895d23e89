// The two-loop recursion; sums in f64, so that their bits do not depend on vector widths alone.
#include "assess/Lbfgs.h"

#include <cmath>
#include <deque>

namespace ftc::assess {

namespace {

constexpr std::size_t kPairs = 10;
constexpr double kArmijo = 1e-4, kLeastGain = 1e-5;
constexpr int kHalvings = 25;

double dot(const std::vector<float> &a, const std::vector<float> &b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

void addScaled(std::vector<float> &a, double factor, const std::vector<float> &b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    a[i] += static_cast<float>(factor) * b[i];
}

struct Pair {
  std::vector<float> s, y;
  double rho = 0;
};

std::vector<float> direction(const std::deque<Pair> &pairs,
                             const std::vector<float> &gradient) {
  std::vector<float> q = gradient;
  std::vector<double> alphas(pairs.size());
  for (std::size_t k = pairs.size(); k-- > 0;) {
    alphas[k] = pairs[k].rho * dot(pairs[k].s, q);
    addScaled(q, -alphas[k], pairs[k].y);
  }
  double scale = 1 / std::max(1e-12, std::sqrt(dot(gradient, gradient)));
  if (!pairs.empty())
    scale = 1 / (pairs.back().rho * dot(pairs.back().y, pairs.back().y));
  for (float &value : q)
    value *= static_cast<float>(scale);
  for (std::size_t k = 0; k < pairs.size(); ++k)
    addScaled(q, alphas[k] - pairs[k].rho * dot(pairs[k].y, q), pairs[k].s);
  for (float &value : q)
    value = -value;
  return q;
}

} // namespace

double minimize(const Objective &objective, std::vector<float> &x, int iterations) {
  std::vector<float> gradient(x.size()), next(x.size()), nextGradient(x.size());
  double value = objective(x, gradient);
  std::deque<Pair> pairs;
  for (int iteration = 0; iteration < iterations; ++iteration) {
    std::vector<float> step = direction(pairs, gradient);
    double slope = dot(step, gradient);
    if (!(slope < 0))
      break;
    double length = 1, reached = value;
    bool found = false;
    for (int halving = 0; halving < kHalvings && !found; ++halving, length /= 2) {
      next = x;
      addScaled(next, length, step);
      reached = objective(next, nextGradient);
      found = std::isfinite(reached) && reached <= value + kArmijo * length * slope;
    }
    if (!found)
      break;
    Pair pair{next, nextGradient, 0};
    addScaled(pair.s, -1, x);
    addScaled(pair.y, -1, gradient);
    double curvature = dot(pair.s, pair.y);
    if (curvature > 1e-12) {
      pair.rho = 1 / curvature;
      pairs.push_back(std::move(pair));
      if (pairs.size() > kPairs)
        pairs.pop_front();
    }
    double gain = value - reached;
    x.swap(next);
    gradient.swap(nextGradient);
    value = reached;
    if (gain < kLeastGain * std::max(1e-6, std::abs(value)))
      break;
  }
  return value;
}

} // namespace ftc::assess
