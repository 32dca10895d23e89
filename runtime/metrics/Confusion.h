// Confusion matrix: counts of (label, prediction), from which every classification metric of
// this folder is computed exactly.
#pragma once

#include <cstdint>
#include <vector>

namespace ftc::rt {

class ConfusionMatrix {
public:
  explicit ConfusionMatrix(std::int64_t classes)
      : side(classes), cells(static_cast<std::size_t>(classes * classes), 0),
        labelTotals(static_cast<std::size_t>(classes), 0), predictionTotals(labelTotals) {}

  /// Counts one example; both class ids must be in [0, classes).
  void add(std::int32_t label, std::int32_t prediction) {
    ++cells[label * side + prediction];
    ++labelTotals[label];
    ++predictionTotals[prediction];
    ++all;
    right += label == prediction;
  }

  std::int64_t classes() const { return side; }
  std::int64_t total() const { return all; }
  std::int64_t correct() const { return right; }
  std::int64_t count(std::int64_t label, std::int64_t prediction) const {
    return cells[label * side + prediction];
  }
  std::int64_t labelTotal(std::int64_t label) const { return labelTotals[label]; }
  std::int64_t predictionTotal(std::int64_t prediction) const {
    return predictionTotals[prediction];
  }

private:
  std::int64_t side, all = 0, right = 0;
  std::vector<std::int64_t> cells, labelTotals, predictionTotals;
};

} // namespace ftc::rt
