// AdamW, SGD and Lion of one vector of elements.
#include "compiler/targets/cpu/kernels/UpdateRules.h"

namespace ftc::cpu {

namespace {
struct Rule {
  const char *name;
  int moments, scalars, decay;
  std::int64_t flops;
};
} // namespace

static const Rule &ruleOf(UpdateRule rule) {
  static constexpr Rule rules[] = {
      {"adamw", 2, 7, 4, 14}, {"sgd", 1, 3, 2, 6}, {"lion", 1, 4, 3, 9}};
  return rules[static_cast<int>(rule)];
}

const char *updateRuleName(UpdateRule rule) { return ruleOf(rule).name; }
int momentCount(UpdateRule rule) { return ruleOf(rule).moments; }
int scalarCount(UpdateRule rule) { return ruleOf(rule).scalars; }
int decayScalar(UpdateRule rule) { return ruleOf(rule).decay; }
std::int64_t updateFlops(UpdateRule rule) { return ruleOf(rule).flops; }

Nums updateConstants(KernelBuilder &b, UpdateRule rule, Num decay) {
  if (rule == UpdateRule::Sgd)
    return {b.scalarF32(0), b.scalarF32(1), b.toF32(decay)};
  Num lr = b.scalar(0);
  Num beta1 = b.scalar(1), beta2 = b.scalar(2), keep = b.toF32(1.0 - lr * decay);
  if (rule == UpdateRule::AdamW)
    return {keep,
            b.toF32(1.0 - beta1),
            b.toF32(beta2),
            b.toF32(1.0 - beta2),
            b.scalarF32(3),
            b.toF32(lr / b.scalar(5)),
            b.toF32(b.sqrt(b.scalar(6)))};
  return {keep,           b.toF32(lr),         b.toF32(beta1), b.toF32(1.0 - beta1),
          b.toF32(beta2), b.toF32(1.0 - beta2)};
}

static void adamw(KernelBuilder &b, const Nums &constants, Ptr param, Ptr first, Ptr second,
                  Num mask, Num g) {
  Num decay = constants[0], rate1 = constants[1], keep2 = constants[2], rate2 = constants[3];
  Num eps = constants[4], stepSize = constants[5], rootCorrection = constants[6];
  Num p = b.loadVector(param, mask) * decay;
  Num m = b.loadVector(first, mask), v = b.loadVector(second, mask);
  m = b.fma(b.splat(rate1), g - m, m);
  v = b.fma(g * rate2, g, v * keep2);
  Num denominator = b.sqrt(v) / rootCorrection + eps;
  b.storeVector(m, first, mask);
  b.storeVector(v, second, mask);
  b.storeVector(p - stepSize * (m / denominator), param, mask);
}

static void sgd(KernelBuilder &b, const Nums &constants, Ptr param, Ptr momenta, Num mask,
                Num gradient) {
  Num lr = constants[0], momentum = constants[1], decay = constants[2];
  Num p = b.loadVector(param, mask);
  Num g = gradient + p * decay;
  Num step = b.loadVector(momenta, mask) * momentum + g;
  b.storeVector(step, momenta, mask);
  b.storeVector(p - step * lr, param, mask);
}

static void lion(KernelBuilder &b, const Nums &constants, Ptr param, Ptr momenta, Num mask,
                 Num g) {
  Num keep = constants[0], rate = constants[1], keep1 = constants[2], rate1 = constants[3];
  Num keep2 = constants[4], rate2 = constants[5];
  Num p = b.loadVector(param, mask) * keep, m = b.loadVector(momenta, mask);
  Num u = b.fma(b.splat(rate1), g, m * keep1);
  Num sign = b.select(u > 0.0, b.vec(1), b.select(u < 0.0, b.vec(-1), u));
  b.storeVector(p - sign * rate, param, mask);
  b.storeVector(b.fma(b.splat(rate2), g, m * keep2), momenta, mask);
}

void updateElements(KernelBuilder &b, UpdateRule rule, const Nums &constants, Ptr param,
                    const std::vector<Ptr> &moments, Num mask, Num gradient) {
  switch (rule) {
  case UpdateRule::AdamW:
    return adamw(b, constants, param, moments[0], moments[1], mask, gradient);
  case UpdateRule::Sgd:
    return sgd(b, constants, param, moments[0], mask, gradient);
  case UpdateRule::Lion:
    return lion(b, constants, param, moments[0], mask, gradient);
  }
}

} // namespace ftc::cpu
