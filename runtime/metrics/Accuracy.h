// Accuracy, and what always answering with the most frequent label would reach.
#pragma once

#include "runtime/metrics/Confusion.h"

namespace ftc::rt {

/// Share of right predictions; 0 without examples.
double accuracy(const ConfusionMatrix &matrix);

/// The most frequent label's share of the labels, the smallest class id winning ties.
struct MajorityBaseline {
  std::int32_t label = 0;
  double accuracy = 0;
};
MajorityBaseline majorityBaseline(const ConfusionMatrix &matrix);

} // namespace ftc::rt
