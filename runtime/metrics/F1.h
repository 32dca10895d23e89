// Precision, recall and F1 of single-label classification, as scikit-learn defines them with
// zero_division = 0.
#pragma once

#include "runtime/metrics/Confusion.h"

namespace ftc::rt {

/// A rate is 0 where its denominator is.
struct PrecisionRecallF1 {
  double precision = 0;
  double recall = 0;
  double f1 = 0;
  std::int64_t support = 0; ///< how many true ones there are
};

/// From counts: right ones, predicted ones, true ones. F1 = 2pr / (p + r).
PrecisionRecallF1 precisionRecallF1(std::int64_t right, std::int64_t predicted,
                                    std::int64_t support);

/// One class against the rest (f1_score with average="binary", pos_label = that class).
PrecisionRecallF1 classScores(const ConfusionMatrix &matrix, std::int64_t label);

/// The mean of F1 over the classes that occur among labels or predictions
/// (average="macro" without a list of labels).
double macroF1(const ConfusionMatrix &matrix);

/// F1 of the summed counts; with one label an example it equals accuracy (average="micro").
double microF1(const ConfusionMatrix &matrix);

} // namespace ftc::rt
