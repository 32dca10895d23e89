// Plain variances; docs/assess.md says what each is and is not.
#include "assess/Noise.h"

#include "assess/SampleVariance.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ftc::assess {

double pairedError(const Score &a, const Score &b) {
  if (a.groups.size() != b.groups.size() || a.groups.size() < 2)
    return std::hypot(a.error, b.error);
  std::vector<double> differences(a.groups.size());
  for (std::size_t g = 0; g < a.groups.size(); ++g)
    differences[g] = b.groups[g] - a.groups[g];
  return errorOfMean(differences);
}

Score meanScore(std::span<const Score> scores) {
  Score mean = scores.front();
  for (const Score &other : scores.subspan(1)) {
    mean.value += other.value;
    mean.error += other.error;
    if (other.groups.size() != mean.groups.size())
      mean.groups.clear();
    for (std::size_t g = 0; g < mean.groups.size(); ++g)
      mean.groups[g] += other.groups[g];
  }
  auto count = static_cast<double>(scores.size());
  mean.value /= count;
  mean.error /= count;
  for (double &group : mean.groups)
    group /= count;
  return mean;
}

double unseenShare(std::int64_t seen, std::int64_t all) {
  if (all <= 0)
    return 1;
  double share = static_cast<double>(seen) / static_cast<double>(all);
  return std::sqrt(std::clamp(1 - share, 0.0, 1.0));
}

Uncertainty seedDeviation(std::span<const Score> runs) {
  if (runs.size() < 2)
    return {};
  std::vector<double> values;
  double paired = 0, pairs = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    values.push_back(runs[i].value);
    for (std::size_t j = 0; j < i; ++j, ++pairs) {
      double error = pairedError(runs[j], runs[i]);
      paired += error * error / 2;
    }
  }
  double own = sampleVariance(values);
  if (own >= paired / pairs)
    return {std::sqrt(own), static_cast<double>(runs.size()) - 1};
  std::size_t groups = runs.front().groups.size();
  return {std::sqrt(paired / pairs),
          static_cast<double>(groups > 1 ? groups : runs.size()) - 1};
}

double Replicates::mean() const {
  return std::accumulate(values.begin(), values.end(), 0.0) /
         static_cast<double>(std::max<std::size_t>(1, values.size()));
}

double Replicates::deviation() const { return std::sqrt(sampleVariance(values)); }

double subsetDeviation(std::span<const Replicates> sizes, double all) {
  double sum = 0, freedom = 0;
  for (const Replicates &size : sizes) {
    double share = size.rows / all, own = static_cast<double>(size.values.size()) - 1;
    if (own < 1 || share >= 1)
      continue;
    sum += own * sampleVariance(size.values) / (1 - share) * share;
    freedom += own;
  }
  return freedom > 0 ? std::sqrt(sum / freedom) : 0;
}

} // namespace ftc::assess
