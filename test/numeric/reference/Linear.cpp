// Reference of linear layers and their gradients.
#include "test/numeric/reference/Reference.h"

using namespace mlir;

namespace ftc::reference {

static void linear(nn::LinearOp op, Frame &frame) {
  const Tensor &x = frame.get(op.getX()), &w = frame.get(op.getWeight());
  const Tensor *bias = op.getBias() ? &frame.get(op.getBias()) : nullptr;
  Tensor pre = frame.make(op.getY());
  for (std::int64_t r = 0; r < x.rows(); ++r)
    for (std::int64_t o = 0; o < w.rows(); ++o) {
      double sum = bias ? bias->at(o) : 0.0;
      for (std::int64_t i = 0; i < x.width(); ++i)
        sum += x.at(r, i) * w.at(o, i);
      pre.at(r, o) = sum;
    }
  Tensor y = pre;
  nn::Activation kind = op.getActivation();
  for (double &value : y.values)
    value = activate(kind, value);
  frame.set(op.getY(), y);
  if (op.getPre())
    frame.set(op.getPre(), pre);
}

static void dgrad(nn::LinearDgradOp op, Frame &frame) {
  const Tensor &dy = frame.get(op.getDy()), &w = frame.get(op.getWeight());
  const Tensor *pre = op.getPre() ? &frame.get(op.getPre()) : nullptr;
  const Tensor *addend = op.getAddend() ? &frame.get(op.getAddend()) : nullptr;
  nn::Activation kind = op.getActivation();
  Tensor dx = frame.make(op.getDx());
  for (std::int64_t r = 0; r < dy.rows(); ++r)
    for (std::int64_t i = 0; i < w.width(); ++i) {
      double sum = 0;
      for (std::int64_t o = 0; o < w.rows(); ++o)
        sum += dy.at(r, o) * w.at(o, i);
      if (pre)
        sum *= activateGrad(kind, pre->at(r, i));
      if (addend)
        sum += addend->at(r, i);
      dx.at(r, i) = sum;
    }
  frame.set(op.getDx(), dx);
}

static void wgrad(nn::LinearWgradOp op, Frame &frame) {
  const Tensor &dy = frame.get(op.getDy()), &x = frame.get(op.getX());
  Tensor dw = frame.make(op.getDweight()), db = Tensor::zeros({dy.width()});
  for (std::int64_t r = 0; r < dy.rows(); ++r)
    for (std::int64_t o = 0; o < dy.width(); ++o) {
      db.at(o) += dy.at(r, o);
      for (std::int64_t i = 0; i < x.width(); ++i)
        dw.at(o, i) += dy.at(r, o) * x.at(r, i);
    }
  frame.set(op.getDweight(), dw);
  if (op.getDbias())
    frame.set(op.getDbias(), db);
}

/// sum(r, c) += left(r, k) * right(k, c), right transposed when it is [columns, inner].
static void addProduct(Tensor &sum, const Tensor &left, const Tensor &right, bool transposed) {
  for (std::int64_t r = 0; r < sum.rows(); ++r)
    for (std::int64_t c = 0; c < sum.width(); ++c)
      for (std::int64_t k = 0; k < left.width(); ++k)
        sum.at(r, c) += left.at(r, k) * (transposed ? right.at(c, k) : right.at(k, c));
}

static void lowRankLinear(nn::LowRankLinearOp op, Frame &frame) {
  Tensor pre = frame.make(op.getY());
  for (std::int64_t r = 0; r < pre.rows(); ++r)
    for (std::int64_t o = 0; o < pre.width(); ++o)
      pre.at(r, o) = op.getBias() ? frame.get(op.getBias()).at(o) : 0.0;
  addProduct(pre, frame.get(op.getX()), frame.get(op.getWeight()), true);
  addProduct(pre, frame.get(op.getU()), frame.get(op.getFactor()), true);
  Tensor y = pre;
  for (double &value : y.values)
    value = activate(op.getActivation(), value);
  frame.set(op.getY(), y);
  if (op.getPre())
    frame.set(op.getPre(), pre);
}

static void lowRankDgrad(nn::LowRankDgradOp op, Frame &frame) {
  Tensor dx = frame.make(op.getDx());
  std::fill(dx.values.begin(), dx.values.end(), 0.0);
  addProduct(dx, frame.get(op.getDy()), frame.get(op.getWeight()), false);
  addProduct(dx, frame.get(op.getDu()), frame.get(op.getFactor()), false);
  for (std::size_t i = 0; i < dx.values.size(); ++i) {
    if (op.getPre())
      dx.values[i] *= activateGrad(op.getActivation(), frame.get(op.getPre()).values[i]);
    if (op.getAddend())
      dx.values[i] += frame.get(op.getAddend()).values[i];
  }
  frame.set(op.getDx(), dx);
}

bool runLinear(Operation *op, Frame &frame) {
  if (auto forward = dyn_cast<nn::LinearOp>(op))
    linear(forward, frame);
  else if (auto data = dyn_cast<nn::LinearDgradOp>(op))
    dgrad(data, frame);
  else if (auto weight = dyn_cast<nn::LinearWgradOp>(op))
    wgrad(weight, frame);
  else if (auto low = dyn_cast<nn::LowRankLinearOp>(op))
    lowRankLinear(low, frame);
  else if (auto lowData = dyn_cast<nn::LowRankDgradOp>(op))
    lowRankDgrad(lowData, frame);
  else
    return false;
  return true;
}

} // namespace ftc::reference
