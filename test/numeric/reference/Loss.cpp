// Reference of the losses.
#include "test/numeric/reference/Reference.h"

#include <algorithm>
#include <cmath>

using namespace mlir;

namespace ftc::reference {

static double logSumExp(const Tensor &logits, std::int64_t row) {
  double largest = logits.at(row, 0), sum = 0;
  for (std::int64_t c = 1; c < logits.width(); ++c)
    largest = std::max(largest, logits.at(row, c));
  for (std::int64_t c = 0; c < logits.width(); ++c)
    sum += std::exp(logits.at(row, c) - largest);
  return largest + std::log(sum);
}

/// What class `c` counts; 1 without class weights.
template <typename Op> static double weightOf(Op op, Frame &frame, std::int64_t c) {
  return op.getClassWeights() ? frame.get(op.getClassWeights()).at(c) : 1.0;
}

bool runLoss(Operation *op, Frame &frame) {
  double smoothing = frame.scalar("label_smoothing");
  if (auto loss = dyn_cast<nn::CrossEntropyOp>(op)) {
    const Tensor &logits = frame.get(loss.getLogits());
    Tensor rows = frame.make(loss.getRowLoss());
    for (std::int64_t r = 0; r < logits.rows(); ++r) {
      std::int64_t label = frame.get(loss.getLabels()).index(r);
      if (label == -100)
        continue;
      double lse = logSumExp(logits, r), mean = 0;
      for (std::int64_t c = 0; c < logits.width(); ++c)
        mean += weightOf(loss, frame, c) * (lse - logits.at(r, c)) / double(logits.width());
      rows.at(r) = (1 - smoothing) * weightOf(loss, frame, label) * (lse - logits.at(r, label)) +
                   smoothing * mean;
    }
    frame.set(loss.getRowLoss(), rows);
  } else if (auto grad = dyn_cast<nn::CrossEntropyGradOp>(op)) {
    const Tensor &logits = frame.get(grad.getLogits());
    Tensor dlogits = frame.make(grad.getDlogits());
    for (std::int64_t r = 0; r < logits.rows(); ++r) {
      std::int64_t label = frame.get(grad.getLabels()).index(r);
      if (label == -100)
        continue;
      double lse = logSumExp(logits, r), seed = frame.get(grad.getDrowLoss()).at(r);
      double hit = (1 - smoothing) * weightOf(grad, frame, label), sum = hit;
      for (std::int64_t c = 0; c < logits.width(); ++c)
        sum += smoothing * weightOf(grad, frame, c) / double(logits.width());
      for (std::int64_t c = 0; c < logits.width(); ++c)
        dlogits.at(r, c) =
            seed * (sum * std::exp(logits.at(r, c) - lse) - (c == label ? hit : 0.0) -
                    smoothing * weightOf(grad, frame, c) / double(logits.width()));
    }
    frame.set(grad.getDlogits(), dlogits);
  } else if (auto seed = dyn_cast<nn::LossSeedOp>(op)) {
    Tensor rows = frame.make(seed.getSeed());
    std::fill(rows.values.begin(), rows.values.end(), frame.scalar("inverse_denominator"));
    frame.set(seed.getSeed(), rows);
  } else {
    return false;
  }
  return true;
}

} // namespace ftc::reference
