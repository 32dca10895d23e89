// Counting is exact; weights are rounded to f32 once.
#include "runtime/train/ClassWeights.h"

#include "runtime/support/Text.h"

#include <algorithm>
#include <cstdio>

namespace ftc::rt {

Result<std::vector<float>> balancedWeights(std::span<const Example> examples,
                                           const LabelSet &labels) {
  std::vector<std::int64_t> counts(labels.size(), 0);
  std::int64_t all = 0;
  for (const Example &example : examples)
    for (std::int32_t label : example.labels)
      if (label != kIgnoredLabel) {
        ++counts[label];
        ++all;
      }
  std::vector<float> weights;
  for (std::int64_t label = 0; label < labels.size(); ++label) {
    if (counts[label] == 0)
      return Status::error("--class_weights balanced: expected every label among the training "
                           "data's, got none that is " +
                           quote(labels.names()[label], 60) +
                           "; give it examples, or leave the flag out");
    weights.push_back(
        static_cast<float>(static_cast<double>(all) / (static_cast<double>(labels.size()) *
                                                       static_cast<double>(counts[label]))));
  }
  return weights;
}

std::string describeWeights(std::span<const float> weights, const LabelSet &labels) {
  constexpr std::size_t kShown = 8;
  std::string text;
  for (std::size_t label = 0; label < std::min(kShown, weights.size()); ++label) {
    char number[32];
    std::snprintf(number, sizeof number, " %.4g", static_cast<double>(weights[label]));
    text += (label ? ", " : "") + quote(labels.names()[label], 30) + number;
  }
  if (weights.size() > kShown)
    text += " and " + std::to_string(weights.size() - kShown) + " more";
  return text;
}

double weightOfLabels(std::span<const Example *const> examples,
                      std::span<const float> weights) {
  double sum = 0;
  for (const Example *example : examples)
    for (std::int32_t label : example->labels)
      if (label != kIgnoredLabel)
        sum += weights.empty() ? 1.0 : static_cast<double>(weights[label]);
  return sum;
}

} // namespace ftc::rt
