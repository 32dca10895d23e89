// Draws are counter-less SplitMix64: quick, and the same on every machine.
#include "runtime/metrics/Intervals.h"

#include "runtime/support/SplitMix64.h"

#include <algorithm>
#include <cmath>

namespace ftc::rt {

namespace {

constexpr int kDraws = 1000;
constexpr std::uint64_t kSeed = 42;
constexpr std::int64_t kMostUnits = 10000;
constexpr double kNormal95 =
    1.959963984540054; ///< the 97.5 % quantile of the normal distribution

/// In [0, bound), bound below 2^32: the high half of a product.
std::int64_t drawBelow(SplitMix64 &random, std::int64_t bound) {
  return static_cast<std::int64_t>((random.next() >> 32) * static_cast<std::uint64_t>(bound) >>
                                   32);
}

/// `sums` [units, width] as [groups, width], each group from all over the file: neighbours in it may
/// be alike.
std::vector<double> grouped(const std::vector<double> &sums, std::int64_t units,
                            std::int64_t width, std::int64_t groups) {
  if (sums.empty() || groups == units)
    return sums;
  std::vector<double> out(static_cast<std::size_t>(groups * width), 0);
  for (std::int64_t unit = 0; unit < units; ++unit)
    for (std::int64_t column = 0; column < width; ++column)
      out[unit % groups * width + column] += sums[unit * width + column];
  return out;
}

std::vector<double> totals(const std::vector<double> &sums, std::int64_t width) {
  std::vector<double> out(static_cast<std::size_t>(width), 0);
  for (std::size_t i = 0; i < sums.size(); ++i)
    out[i % static_cast<std::size_t>(width)] += sums[i];
  return out;
}

/// Of values that are all finite.
Interval percentiles(std::vector<double> &values) {
  std::sort(values.begin(), values.end());
  auto at = [&](double share) {
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
  };
  return {at(0.025), at(0.975)};
}

/// Of a proportion over paired units.
bool beyondNoise(const SampledMetric &metric) {
  std::int64_t gained = 0, lost = 0;
  for (std::size_t i = 0; i + 1 < metric.sums.size(); i += 2) {
    gained += metric.sums[i] > metric.baseline[i];
    lost += metric.sums[i] < metric.baseline[i];
  }
  return mcnemarExact(gained, lost) < 0.05;
}

} // namespace

Interval wilsonInterval(std::int64_t successes, std::int64_t trials) {
  if (trials <= 0)
    return {0, 1};
  double n = static_cast<double>(trials), p = static_cast<double>(successes) / n;
  double z2 = kNormal95 * kNormal95;
  double middle = (p + z2 / (2 * n)) / (1 + z2 / n);
  double half = kNormal95 * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n);
  return {successes == 0 ? 0 : middle - half, successes == trials ? 1 : middle + half};
}

double mcnemarExact(std::int64_t gained, std::int64_t lost) {
  std::int64_t n = gained + lost, least = std::min(gained, lost);
  if (n == 0)
    return 1;
  // Twice the lower tail of Binomial(n, 1/2).
  double tail = 0, base = -static_cast<double>(n) * std::log(2.0);
  for (std::int64_t k = 0; k <= least; ++k)
    tail += std::exp(std::lgamma(static_cast<double>(n) + 1) -
                     std::lgamma(static_cast<double>(k) + 1) -
                     std::lgamma(static_cast<double>(n - k) + 1) + base);
  return std::min(1.0, 2 * tail);
}

double ratioOfSums(std::span<const double> sums) {
  return sums[1] != 0 ? sums[0] / sums[1] : 0;
}

double f1OfSums(std::span<const double> sums) {
  double both = sums[1] + sums[2];
  return both > 0 ? 2 * sums[0] / both : 0;
}

std::optional<MetricNoise> measureNoise(const SampledMetric &metric) {
  std::int64_t units = metric.units(), width = metric.width;
  if (units == 0 || !metric.value)
    return std::nullopt;
  bool paired = metric.baseline.size() == metric.sums.size();
  MetricNoise noise;
  noise.value = metric.value(totals(metric.sums, width));
  if (paired)
    noise.baseline = metric.value(totals(metric.baseline, width));
  std::int64_t groups = std::min(units, kMostUnits);
  std::vector<double> ours = grouped(metric.sums, units, width, groups);
  std::vector<double> theirs =
      paired ? grouped(metric.baseline, units, width, groups) : std::vector<double>();
  SplitMix64 random(kSeed);
  std::vector<double> values, differences, mine(width), other(width);
  for (int draw = 0; draw < kDraws; ++draw) {
    std::fill(mine.begin(), mine.end(), 0);
    std::fill(other.begin(), other.end(), 0);
    for (std::int64_t i = 0; i < groups; ++i) {
      std::int64_t chosen = drawBelow(random, groups) * width;
      for (std::int64_t column = 0; column < width; ++column) {
        mine[column] += ours[chosen + column];
        if (paired)
          other[column] += theirs[chosen + column];
      }
    }
    values.push_back(metric.value(mine));
    if (paired)
      differences.push_back(values.back() - metric.value(other));
  }
  // What overflows somewhere has no interval.
  auto allFinite = [](const std::vector<double> &all) {
    return std::all_of(all.begin(), all.end(), [](double one) { return std::isfinite(one); });
  };
  if (!std::isfinite(noise.value) || !allFinite(values) || !allFinite(differences))
    return std::nullopt;
  noise.interval = percentiles(values);
  if (metric.proportion) {
    std::vector<double> all = totals(metric.sums, width);
    noise.interval = wilsonInterval(std::llround(all[0]), std::llround(all[1]));
  }
  if (!paired)
    return noise;
  noise.difference = percentiles(differences);
  noise.beyondNoise = metric.proportion
                          ? beyondNoise(metric)
                          : noise.difference->low > 0 || noise.difference->high < 0;
  return noise;
}

} // namespace ftc::rt
