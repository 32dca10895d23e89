// Reference of the losses against targets.
#include "test/numeric/reference/Reference.h"

#include <algorithm>
#include <cmath>

using namespace mlir;

namespace ftc::reference {

static double distance(nn::TargetLossKind kind, double x, double t) {
  if (kind == nn::TargetLossKind::SquaredError)
    return (x - t) * (x - t);
  return std::max(x, 0.0) - x * t + std::log1p(std::exp(-std::abs(x)));
}

static double slope(nn::TargetLossKind kind, double x, double t) {
  if (kind == nn::TargetLossKind::SquaredError)
    return 2 * (x - t);
  return 1 / (1 + std::exp(-x)) - t;
}

bool runTargetLoss(Operation *op, Frame &frame) {
  if (auto loss = dyn_cast<nn::TargetLossOp>(op)) {
    const Tensor &logits = frame.get(loss.getLogits()), &targets = frame.get(loss.getTargets());
    Tensor rows = frame.make(loss.getRowLoss());
    for (std::int64_t r = 0; r < logits.rows(); ++r)
      for (std::int64_t c = 0; c < logits.width(); ++c)
        rows.at(r) += distance(loss.getKind(), logits.at(r, c), targets.at(r, c)) /
                      double(logits.width());
    frame.set(loss.getRowLoss(), rows);
    return true;
  }
  if (auto grad = dyn_cast<nn::TargetLossGradOp>(op)) {
    const Tensor &logits = frame.get(grad.getLogits()), &targets = frame.get(grad.getTargets());
    Tensor dlogits = frame.make(grad.getDlogits());
    for (std::int64_t r = 0; r < logits.rows(); ++r)
      for (std::int64_t c = 0; c < logits.width(); ++c)
        dlogits.at(r, c) = frame.get(grad.getDrowLoss()).at(r) *
                           slope(grad.getKind(), logits.at(r, c), targets.at(r, c)) /
                           double(logits.width());
    frame.set(grad.getDlogits(), dlogits);
    return true;
  }
  return false;
}

} // namespace ftc::reference
