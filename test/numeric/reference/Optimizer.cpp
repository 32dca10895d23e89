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

/// One parameter's update by `gradient`, without control: `moments` in the op's order.
static void adamwStep(Tensor &p, std::vector<Tensor> &moments, const Tensor &gradient,
                      bool decays, const Frame &frame) {
  double lr = frame.scalar("learning_rate"), b1 = frame.scalar("adam_beta1"),
         b2 = frame.scalar("adam_beta2"), eps = frame.scalar("adam_epsilon");
  double decay = decays ? lr * frame.scalar("weight_decay") : 0.0;
  double bc1 = frame.scalar("bias_correction1"), bc2 = frame.scalar("bias_correction2");
  for (std::size_t e = 0; e < p.values.size(); ++e) {
    double g = gradient.values[e], &m = moments[0].values[e], &v = moments[1].values[e];
    p.values[e] *= 1 - decay;
    m = b1 * m + (1 - b1) * g;
    v = b2 * v + (1 - b2) * g * g;
    p.values[e] -= lr / bc1 * m / (std::sqrt(v) / std::sqrt(bc2) + eps);
  }
}

static void sgdStep(Tensor &p, std::vector<Tensor> &moments, const Tensor &gradient,
                    bool decays, const Frame &frame) {
  double lr = frame.scalar("learning_rate"), momentum = frame.scalar("sgd_momentum");
  double decay = decays ? frame.scalar("weight_decay") : 0.0;
  for (std::size_t e = 0; e < p.values.size(); ++e) {
    double g = gradient.values[e] + decay * p.values[e], &b = moments[0].values[e];
    b = momentum * b + g;
    p.values[e] -= lr * b;
  }
}

static void lionStep(Tensor &p, std::vector<Tensor> &moments, const Tensor &gradient,
                     bool decays, const Frame &frame) {
  double lr = frame.scalar("learning_rate"), b1 = frame.scalar("adam_beta1"),
         b2 = frame.scalar("adam_beta2");
  double decay = decays ? lr * frame.scalar("weight_decay") : 0.0;
  for (std::size_t e = 0; e < p.values.size(); ++e) {
    double g = gradient.values[e], &m = moments[0].values[e], u = b1 * m + (1 - b1) * g;
    p.values[e] = p.values[e] * (1 - decay) - lr * ((u > 0) - (u < 0));
    m = b2 * m + (1 - b2) * g;
  }
}

using Step = void (*)(Tensor &, std::vector<Tensor> &, const Tensor &, bool, const Frame &);

/// `step` for each parameter of an update; `lists` are its lists of moments, then their
/// successors.
template <typename Op>
static void update(Op op, Step step,
                   const std::vector<std::pair<ValueRange, ValueRange>> &lists, Frame &frame) {
  auto [clip, active] = controlOf(op, frame);
  for (std::size_t i = 0; i < op.getParams().size(); ++i) {
    Tensor p = frame.get(op.getParams()[i]), gradient = frame.get(op.getGradients()[i]);
    std::vector<Tensor> moments;
    for (const auto &[before, after] : lists)
      moments.push_back(frame.get(before[i]));
    for (double &value : gradient.values)
      value *= clip;
    if (active)
      step(p, moments, gradient, op.getDecay(), frame);
    frame.set(op.getNewParams()[i], p);
    for (std::size_t k = 0; k < lists.size(); ++k)
      frame.set(lists[k].second[i], moments[k]);
  }
}

/// dW and db from their definition, then the rule's step for weight and bias.
static void wgradUpdate(nn::LinearWgradUpdateOp op, Frame &frame) {
  Step step = op.getRule() == nn::UpdateRule::AdamW ? adamwStep
              : op.getRule() == nn::UpdateRule::Sgd ? sgdStep
                                                    : lionStep;
  const Tensor &dy = frame.get(op.getDy()), &x = frame.get(op.getX());
  Tensor dw = frame.make(op.getWeight()), db = Tensor::zeros({dy.width()});
  for (std::int64_t r = 0; r < dy.rows(); ++r)
    for (std::int64_t o = 0; o < dy.width(); ++o) {
      db.at(o) += dy.at(r, o);
      for (std::int64_t i = 0; i < x.width(); ++i)
        dw.at(o, i) += dy.at(r, o) * x.at(r, i);
    }
  auto replace = [&](Value parameter, ValueRange before, Value successor, ValueRange after,
                     const Tensor &gradient, bool decay) {
    Tensor p = frame.get(parameter);
    std::vector<Tensor> moments;
    for (Value moment : before)
      moments.push_back(frame.get(moment));
    step(p, moments, gradient, decay, frame);
    frame.set(successor, p);
    for (auto [moment, value] : llvm::zip_equal(after, moments))
      frame.set(moment, value);
  };
  replace(op.getWeight(), op.getMoments(), op.getNewWeight(), op.getNewMoments(), dw,
          op.getDecay());
  if (op.getBias())
    replace(op.getBias(), op.getBiasMoments(), op.getNewBias(), op.getNewBiasMoments(), db,
            op.getBiasDecay());
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
  } else if (auto adamw = dyn_cast<nn::AdamWOp>(op)) {
    update(adamw, adamwStep, {{adamw.getM(), adamw.getNewM()}, {adamw.getV(), adamw.getNewV()}},
           frame);
  } else if (auto sgd = dyn_cast<nn::SgdOp>(op)) {
    update(sgd, sgdStep, {{sgd.getMomentum(), sgd.getNewMomentum()}}, frame);
  } else if (auto lion = dyn_cast<nn::LionOp>(op)) {
    update(lion, lionStep, {{lion.getM(), lion.getNewM()}}, frame);
  } else if (auto fused = dyn_cast<nn::LinearWgradUpdateOp>(op)) {
    wgradUpdate(fused, frame);
  } else if (auto factored = dyn_cast<nn::AdafactorOp>(op)) {
    auto [clip, active] = controlOf(factored, frame);
    return runMemoryOptimizer(op, clip, active, frame);
  } else if (auto codes = dyn_cast<nn::AdamW8bitOp>(op)) {
    auto [clip, active] = controlOf(codes, frame);
    return runMemoryOptimizer(op, clip, active, frame);
  } else {
    return false;
  }
  return true;
}

} // namespace ftc::reference
