// Reference of the span loss.
#include "test/numeric/reference/Reference.h"

#include <algorithm>
#include <cmath>

using namespace mlir;

namespace ftc::reference {

namespace {

/// One column of one sequence's rows.
struct Column {
  const Tensor &logits;
  std::int64_t begin, end, column;

  double logSumExp() const {
    double largest = logits.at(begin, column), sum = 0;
    for (std::int64_t r = begin; r < end; ++r)
      largest = std::max(largest, logits.at(r, column));
    for (std::int64_t r = begin; r < end; ++r)
      sum += std::exp(logits.at(r, column) - largest);
    return largest + std::log(sum);
  }
};

/// Calls take(sequence, column, row of the label) for both columns of what counts.
template <typename Op, typename Take> void eachLabel(Op op, Frame &frame, Take take) {
  const Tensor &offsets = frame.get(op.getOffsets());
  for (std::int64_t s = 0; s + 1 < offsets.rows(); ++s) {
    if (frame.get(op.getStarts()).index(s) == -100)
      continue;
    for (std::int64_t c = 0; c < 2; ++c) {
      Column column{frame.get(op.getLogits()), offsets.index(s), offsets.index(s + 1), c};
      Value positions = c == 0 ? op.getStarts() : op.getEnds();
      take(s, column, column.begin + frame.get(positions).index(s));
    }
  }
}

} // namespace

bool runSpan(Operation *op, Frame &frame) {
  if (auto loss = dyn_cast<nn::SpanLossOp>(op)) {
    Tensor rows = frame.make(loss.getRowLoss());
    eachLabel(loss, frame, [&](std::int64_t s, const Column &column, std::int64_t label) {
      rows.at(s) += (column.logSumExp() - column.logits.at(label, column.column)) / 2;
    });
    frame.set(loss.getRowLoss(), rows);
    return true;
  }
  if (auto grad = dyn_cast<nn::SpanLossGradOp>(op)) {
    Tensor dlogits = frame.make(grad.getDlogits());
    eachLabel(grad, frame, [&](std::int64_t s, const Column &column, std::int64_t label) {
      double seed = frame.get(grad.getDrowLoss()).at(s) / 2, lse = column.logSumExp();
      for (std::int64_t r = column.begin; r < column.end; ++r)
        dlogits.at(r, column.column) =
            seed * (std::exp(column.logits.at(r, column.column) - lse) - (r == label));
    });
    frame.set(grad.getDlogits(), dlogits);
    return true;
  }
  return false;
}

} // namespace ftc::reference
