// Accuracy and the majority baseline, from a confusion matrix.
#include "runtime/metrics/Accuracy.h"

namespace ftc::rt {

double accuracy(const ConfusionMatrix &matrix) {
  if (matrix.total() == 0)
    return 0;
  return static_cast<double>(matrix.correct()) / static_cast<double>(matrix.total());
}

MajorityBaseline majorityBaseline(const ConfusionMatrix &matrix) {
  MajorityBaseline baseline;
  if (matrix.total() == 0)
    return baseline;
  for (std::int64_t label = 1; label < matrix.classes(); ++label)
    if (matrix.labelTotal(label) > matrix.labelTotal(baseline.label))
      baseline.label = static_cast<std::int32_t>(label);
  baseline.accuracy = static_cast<double>(matrix.labelTotal(baseline.label)) /
                      static_cast<double>(matrix.total());
  return baseline;
}

} // namespace ftc::rt
