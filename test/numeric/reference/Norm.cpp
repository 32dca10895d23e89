// Reference of layer and RMS normalization and their gradients.
#include "test/numeric/reference/Reference.h"

#include <cmath>

using namespace mlir;

namespace ftc::reference {

template <typename Op> static void normalize(Op op, const Tensor &x, Frame &frame) {
  const Tensor &gamma = frame.get(op.getGamma());
  Tensor beta = op.getBeta() ? frame.get(op.getBeta()) : Tensor::zeros({x.width()});
  Tensor y = x, mean = frame.make(op.getMean()), rstd = frame.make(op.getRstd());
  double n = double(x.width());
  for (std::int64_t r = 0; r < x.rows(); ++r) {
    double sum = 0, squares = 0;
    for (std::int64_t c = 0; c < x.width(); ++c)
      sum += x.at(r, c);
    mean.at(r) = sum / n;
    for (std::int64_t c = 0; c < x.width(); ++c)
      squares += (x.at(r, c) - mean.at(r)) * (x.at(r, c) - mean.at(r));
    rstd.at(r) = 1 / std::sqrt(squares / n + op.getEps().convertToDouble());
    for (std::int64_t c = 0; c < x.width(); ++c)
      y.at(r, c) = (x.at(r, c) - mean.at(r)) * rstd.at(r) * gamma.at(c) + beta.at(c);
  }
  frame.set(op.getY(), y);
  frame.set(op.getMean(), mean);
  frame.set(op.getRstd(), rstd);
}

static void addNormalize(nn::AddLayerNormOp op, Frame &frame) {
  Tensor sum = frame.get(op.getX());
  const Tensor &residual = frame.get(op.getResidual());
  for (std::int64_t r = 0; r < sum.rows(); ++r)
    for (std::int64_t c = 0; c < sum.width(); ++c) {
      if (op.getRate())
        sum.at(r, c) *= dropoutFactor(frame, *op.getRate(), *op.getOpId(), 0,
                                      frame.get(op.getSequence()).index(r),
                                      frame.get(op.getPosition()).index(r), c);
      sum.at(r, c) += residual.at(r, c);
    }
  frame.set(op.getSum(), sum);
  normalize(op, sum, frame);
}

/// With h = (x - mean) * rstd and g = dy * gamma: dx = rstd * (g - mean(g) - h mean(g h)).
static void gradient(nn::LayerNormGradOp op, Frame &frame) {
  const Tensor &dy = frame.get(op.getDy()), &x = frame.get(op.getX()),
               &gamma = frame.get(op.getGamma());
  const Tensor &mean = frame.get(op.getMean()), &rstd = frame.get(op.getRstd());
  Tensor dx = x, dgamma = Tensor::zeros({x.width()}), dbeta = dgamma;
  double n = double(x.width());
  for (std::int64_t r = 0; r < x.rows(); ++r) {
    double sum = 0, dot = 0;
    auto h = [&](std::int64_t c) { return (x.at(r, c) - mean.at(r)) * rstd.at(r); };
    for (std::int64_t c = 0; c < x.width(); ++c) {
      sum += dy.at(r, c) * gamma.at(c);
      dot += dy.at(r, c) * gamma.at(c) * h(c);
      dgamma.at(c) += dy.at(r, c) * h(c);
      dbeta.at(c) += dy.at(r, c);
    }
    for (std::int64_t c = 0; c < x.width(); ++c)
      dx.at(r, c) = rstd.at(r) * (dy.at(r, c) * gamma.at(c) - sum / n - h(c) * dot / n);
  }
  frame.set(op.getDx(), dx);
  frame.set(op.getDgamma(), dgamma);
  if (op.getDbeta())
    frame.set(op.getDbeta(), dbeta);
}

static void rmsNormalize(nn::RmsNormOp op, Frame &frame) {
  Tensor y = frame.get(op.getX()), rstd = frame.make(op.getRstd());
  for (std::int64_t r = 0; r < y.rows(); ++r) {
    double squares = 0;
    for (std::int64_t c = 0; c < y.width(); ++c)
      squares += y.at(r, c) * y.at(r, c);
    rstd.at(r) = 1 / std::sqrt(squares / double(y.width()) + op.getEps().convertToDouble());
    for (std::int64_t c = 0; c < y.width(); ++c)
      y.at(r, c) *= rstd.at(r) * frame.get(op.getGamma()).at(c);
  }
  frame.set(op.getY(), y);
  frame.set(op.getRstd(), rstd);
}

/// With h = x * rstd and g = dy * gamma: dx = rstd * (g - h mean(g h)).
static void rmsGradient(nn::RmsNormGradOp op, Frame &frame) {
  const Tensor &dy = frame.get(op.getDy()), &x = frame.get(op.getX()),
               &gamma = frame.get(op.getGamma()), &rstd = frame.get(op.getRstd());
  Tensor dx = x, dgamma = Tensor::zeros({x.width()});
  for (std::int64_t r = 0; r < x.rows(); ++r) {
    double dot = 0;
    for (std::int64_t c = 0; c < x.width(); ++c) {
      dot += dy.at(r, c) * gamma.at(c) * x.at(r, c) * rstd.at(r);
      dgamma.at(c) += dy.at(r, c) * x.at(r, c) * rstd.at(r);
    }
    for (std::int64_t c = 0; c < x.width(); ++c)
      dx.at(r, c) = rstd.at(r) * (dy.at(r, c) * gamma.at(c) -
                                  x.at(r, c) * rstd.at(r) * dot / double(x.width()));
  }
  frame.set(op.getDx(), dx);
  frame.set(op.getDgamma(), dgamma);
}

bool runNorm(Operation *op, Frame &frame) {
  if (auto norm = dyn_cast<nn::LayerNormOp>(op))
    normalize(norm, frame.get(norm.getX()), frame);
  else if (auto sum = dyn_cast<nn::AddLayerNormOp>(op))
    addNormalize(sum, frame);
  else if (auto grad = dyn_cast<nn::LayerNormGradOp>(op))
    gradient(grad, frame);
  else if (auto rms = dyn_cast<nn::RmsNormOp>(op))
    rmsNormalize(rms, frame);
  else if (auto rmsGrad = dyn_cast<nn::RmsNormGradOp>(op))
    rmsGradient(rmsGrad, frame);
  else
    return false;
  return true;
}

} // namespace ftc::reference
