// Intervals: how far a metric of so many examples may be from the same metric of all texts
// there are, and whether two are apart by more than that.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ftc::rt {

struct Interval {
  double low = 0, high = 0;
};

/// 95 % interval of a proportion: E. B. Wilson, "Probable Inference, the Law of Succession, and
/// Statistical Inference" (1927). [0, 1] without trials.
Interval wilsonInterval(std::int64_t successes, std::int64_t trials);

/// Two-sided p-value of McNemar's exact test: `gained` pairs in which the first side alone is
/// right, `lost` in which the second alone is. 1 where there are none.
double mcnemarExact(std::int64_t gained, std::int64_t lost);

/// A metric as a function of sums over independent units (examples, sentences, questions): what
/// can be drawn again with replacement.
struct SampledMetric {
  std::string name{};         ///< as Metrics has it, without "eval_"
  std::string unit{};         ///< "examples", for people
  std::string baselineName{}; ///< what the baseline is, for people
  std::int64_t width = 0;     ///< sums a unit
  std::vector<double> sums{}; ///< [units, width]
  std::vector<double>
      baseline{}; ///< [units, width] of the baseline over the same units, or empty
  double (*value)(std::span<const double> sums) = nullptr; ///< of sums over units
  bool greaterIsBetter = true;
  bool proportion = false; ///< a unit is right or wrong: sums are (right, 1), exact tests apply

  std::int64_t units() const {
    return width ? static_cast<std::int64_t>(sums.size()) / width : 0;
  }
};

/// sums[0] / sums[1]; 0 where that is not defined: a mean, when the second sum counts.
double ratioOfSums(std::span<const double> sums);
/// F1 of the sums (right, predicted, true ones), 0-1.
double f1OfSums(std::span<const double> sums);

/// What drawing says of a metric.
struct MetricNoise {
  double value = 0;
  Interval interval;                  ///< 95 %
  std::optional<double> baseline;     ///< the baseline's value
  std::optional<Interval> difference; ///< 95 % of value less baseline, over the same draws
  /// Whether value and baseline differ by more than the noise: the difference's interval leaves
  /// out 0; of proportions, McNemar's exact test has p < 0.05.
  bool beyondNoise = false;
};

/// Percentile bootstrap (B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993)
/// of 1,000 draws with a fixed seed: the same units give the same interval. More than 10,000
/// units are taken together in that many groups, which are as independent. Proportions have
/// Wilson's interval. Absent without units.
std::optional<MetricNoise> measureNoise(const SampledMetric &metric);

} // namespace ftc::rt
