// F1 per class and its averages.
#include "runtime/metrics/F1.h"

namespace ftc::rt {

PrecisionRecallF1 precisionRecallF1(std::int64_t right, std::int64_t predicted,
                                    std::int64_t support) {
  PrecisionRecallF1 scores;
  scores.support = support;
  auto tp = static_cast<double>(right);
  if (predicted > 0)
    scores.precision = tp / static_cast<double>(predicted);
  if (support > 0)
    scores.recall = tp / static_cast<double>(support);
  double sum = scores.precision + scores.recall;
  if (sum > 0)
    scores.f1 = 2 * scores.precision * scores.recall / sum;
  return scores;
}

PrecisionRecallF1 classScores(const ConfusionMatrix &matrix, std::int64_t label) {
  return precisionRecallF1(matrix.count(label, label), matrix.predictionTotal(label),
                           matrix.labelTotal(label));
}

double macroF1(const ConfusionMatrix &matrix) {
  double sum = 0;
  std::int64_t present = 0;
  for (std::int64_t label = 0; label < matrix.classes(); ++label) {
    if (matrix.labelTotal(label) == 0 && matrix.predictionTotal(label) == 0)
      continue;
    sum += classScores(matrix, label).f1;
    ++present;
  }
  return present == 0 ? 0 : sum / static_cast<double>(present);
}

double microF1(const ConfusionMatrix &matrix) {
  return precisionRecallF1(matrix.correct(), matrix.total(), matrix.total()).f1;
}

} // namespace ftc::rt
