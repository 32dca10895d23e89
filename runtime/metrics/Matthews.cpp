// Matthews correlation in exact integer sums, one division at the end.
#include "runtime/metrics/Matthews.h"

#include <cmath>

namespace ftc::rt {

double matthewsCorrelation(const ConfusionMatrix &matrix) {
  __extension__ using Wide = __int128;
  Wide total = matrix.total();
  Wide covariance = Wide(matrix.correct()) * total;
  Wide labels = total * total, predictions = total * total;
  for (std::int64_t label = 0; label < matrix.classes(); ++label) {
    Wide truth = matrix.labelTotal(label), predicted = matrix.predictionTotal(label);
    covariance -= truth * predicted;
    labels -= truth * truth;
    predictions -= predicted * predicted;
  }
  if (labels == 0 || predictions == 0)
    return 0;
  return static_cast<double>(covariance) /
         (std::sqrt(static_cast<double>(labels)) * std::sqrt(static_cast<double>(predictions)));
}

} // namespace ftc::rt
