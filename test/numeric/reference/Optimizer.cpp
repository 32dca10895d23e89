// Reference of accumulation, the global norm and the updates.
#include "test/numeric/reference/Reference.h"

#include <cmath>

using namespace mlir;

namespace ftc::reference {

static void globalNorm(nn::GlobalNormOp op, Frame &frame) {
  double squares = 0;
  for (Value gradient : op.getGradients())
    for (double value : frame.get(gradient).values)
      squares += value * value;
  double norm = std::sqrt(squares);
  double clip = std::min(1.0, frame.scalar("max_grad_norm") / (norm + 1e-6));
  frame.set(op.getNorm(), {{1}, {norm}});
  frame.set(op.getControl(), {{2}, {clip, std::isfinite(norm) ? 1.0 : 0.0}});
}

/// Clip coefficient and whether anything changes, of an update's optional control.
template <typename Op> static std::pair<double, bool> controlOf(Op op, const Frame &frame) {
  if (!op.getControl())
    return {1.0, true};
  const Tensor &control = frame.get(op.getControl());
  return {control.at(0), control.at(1) != 0};
}

static void adamw(nn::AdamWOp op, Frame &frame) {
  auto [clip, active] = controlOf(op, frame);
  double lr = frame.scalar("learning_rate"), b1 = frame.scalar("adam_beta1"),
         b2 = frame.scalar("adam_beta2"), eps = frame.scalar("adam_epsilon");
  double decay = op.getDecay() ? lr * frame.scalar("weight_decay") : 0.0;
  double bc1 = frame.scalar("bias_correction1"), bc2 = frame.scalar("bias_correction2");
  for (std::size_t i = 0; i < op.getParams().size(); ++i) {
    Tensor p = frame.get(op.getParams()[i]), m = frame.get(op.getM()[i]),
           v = frame.get(op.getV()[i]);
    const Tensor &gradient = frame.get(op.getGradients()[i]);
    for (std::size_t e = 0; active && e < p.values.size(); ++e) {
      double g = clip * gradient.values[e];
      p.values[e] *= 1 - decay;
      m.values[e] = b1 * m.values[e] + (1 - b1) * g;
      v.values[e] = b2 * v.values[e] + (1 - b2) * g * g;
      p.values[e] -= lr / bc1 * m.values[e] / (std::sqrt(v.values[e]) / std::sqrt(bc2) + eps);
    }
    frame.set(op.getNewParams()[i], p);
    frame.set(op.getNewM()[i], m);
    frame.set(op.getNewV()[i], v);
  }
}

static void sgd(nn::SgdOp op, Frame &frame) {
  auto [clip, active] = controlOf(op, frame);
  double lr = frame.scalar("learning_rate"), momentum = frame.scalar("sgd_momentum");
  double decay = op.getDecay() ? frame.scalar("weight_decay") : 0.0;
  for (std::size_t i = 0; i < op.getParams().size(); ++i) {
    Tensor p = frame.get(op.getParams()[i]), b = frame.get(op.getMomentum()[i]);
    const Tensor &gradient = frame.get(op.getGradients()[i]);
    for (std::size_t e = 0; active && e < p.values.size(); ++e) {
      double g = clip * gradient.values[e] + decay * p.values[e];
      b.values[e] = momentum * b.values[e] + g;
      p.values[e] -= lr * b.values[e];
    }
    frame.set(op.getNewParams()[i], p);
    frame.set(op.getNewMomentum()[i], b);
  }
}

static void lion(nn::LionOp op, Frame &frame) {
  auto [clip, active] = controlOf(op, frame);
  double lr = frame.scalar("learning_rate"), b1 = frame.scalar("adam_beta1"),
         b2 = frame.scalar("adam_beta2");
  double decay = op.getDecay() ? lr * frame.scalar("weight_decay") : 0.0;
  for (std::size_t i = 0; i < op.getParams().size(); ++i) {
    Tensor p = frame.get(op.getParams()[i]), m = frame.get(op.getM()[i]);
    const Tensor &gradient = frame.get(op.getGradients()[i]);
    for (std::size_t e = 0; active && e < p.values.size(); ++e) {
      double g = clip * gradient.values[e], u = b1 * m.values[e] + (1 - b1) * g;
      p.values[e] = p.values[e] * (1 - decay) - lr * ((u > 0) - (u < 0));
      m.values[e] = b2 * m.values[e] + (1 - b2) * g;
    }
    frame.set(op.getNewParams()[i], p);
    frame.set(op.getNewM()[i], m);
  }
}

bool runOptimizer(Operation *op, Frame &frame) {
  if (auto accumulate = dyn_cast<nn::AccumulateOp>(op)) {
    Tensor sum = frame.get(accumulate.getGradient());
    const Tensor &into = frame.get(accumulate.getInto());
    if (double factor = frame.scalar("accumulate"))
      for (std::size_t e = 0; e < sum.values.size(); ++e)
        sum.values[e] += factor * into.values[e];
    frame.set(accumulate.getSum(), sum);
  } else if (auto norm = dyn_cast<nn::GlobalNormOp>(op)) {
    globalNorm(norm, frame);
  } else if (auto update = dyn_cast<nn::AdamWOp>(op)) {
    adamw(update, frame);
  } else if (auto plain = dyn_cast<nn::SgdOp>(op)) {
    sgd(plain, frame);
  } else if (auto update = dyn_cast<nn::LionOp>(op)) {
    lion(update, frame);
  } else if (auto update = dyn_cast<nn::AdafactorOp>(op)) {
    auto [clip, active] = controlOf(update, frame);
    return runMemoryOptimizer(op, clip, active, frame);
  } else if (auto update = dyn_cast<nn::AdamW8bitOp>(op)) {
    auto [clip, active] = controlOf(update, frame);
    return runMemoryOptimizer(op, clip, active, frame);
  } else {
    return false;
  }
  return true;
}

} // namespace ftc::reference
