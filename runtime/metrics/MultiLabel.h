// Metrics of several labels an example, as scikit-learn defines them with zero_division = 0.
#pragma once

#include "runtime/metrics/F1.h"

#include <cstdint>
#include <span>
#include <vector>

namespace ftc::rt {

/// What always answering with each label's more frequent value (no label where they tie)
/// reaches.
struct MultiLabelBaseline {
  double accuracy = 0;
  double f1 = 0; ///< micro
};

/// Counts, for each label, from which all metrics are computed exactly.
class LabelCounts {
public:
  explicit LabelCounts(std::int64_t labels)
      : right(labels, 0), predicted(labels, 0), support(labels, 0) {}

  /// One example: above 0 where it has a label, not 0 where one is predicted.
  void add(std::span<const float> truth, std::span<const std::uint8_t> prediction);

  std::int64_t examples() const { return static_cast<std::int64_t>(exact.size()); }
  /// Share of examples with every label right (accuracy_score of indicators); 0 without
  /// examples.
  double accuracy() const;
  /// One label against its absence.
  PrecisionRecallF1 label(std::int64_t label) const {
    return precisionRecallF1(right[label], predicted[label], support[label]);
  }
  double microF1() const; ///< of the summed counts
  double macroF1() const; ///< the mean over all labels
  MultiLabelBaseline baseline() const;

private:
  std::vector<std::int64_t> right, predicted, support; ///< [labels]
  std::vector<bool> exact;                             ///< [examples]
  std::vector<std::vector<bool>> truths;               ///< [examples][labels]
};

} // namespace ftc::rt
