// Activations and their derivatives at the pre-activation, on vectors.
#include "compiler/targets/cpu/kernels/GeluPolynomials.h"
#include "compiler/targets/cpu/kernels/MicroKernel.h"

namespace ftc::cpu {

const char *activationName(Activation activation) {
  switch (activation) {
  case Activation::None:
    return "none";
  case Activation::Gelu:
    return "gelu";
  case Activation::GeluTanh:
    return "gelu_tanh";
  case Activation::Relu:
    return "relu";
  case Activation::Tanh:
    return "tanh";
  case Activation::Silu:
    return "silu";
  }
  return "none";
}

std::string epilogueName(bool bias, bool add, Activation act, bool savePre,
                         Activation gradAct) {
  std::string name;
  if (bias)
    name += "_bias";
  if (add)
    name += "_add";
  if (act != Activation::None)
    name += std::string("_") + activationName(act);
  if (savePre)
    name += "_pre";
  if (gradAct != Activation::None)
    name += std::string("_grad_") + activationName(gradAct);
  return name;
}

static Num evaluate(KernelBuilder &b, const StepPolynomial &p, Num x) {
  Num t = b.max(-1.0, b.min(1.0, x * (1.0 / p.limit)));
  Num s = b.fma(2.0, t * t, -1.0);
  Num sum = b.like(x, p.coefficients.back());
  for (std::size_t i = p.coefficients.size() - 1; i-- > 0;)
    sum = b.fma(sum, s, p.coefficients[i]);
  return b.fma(sum, t, 0.5);
}

static Num gelu(KernelBuilder &b, Activation activation, bool slope, Num x) {
  return evaluate(b, geluPolynomial(activation == Activation::GeluTanh, slope, b.isa.bf16Pairs),
                  x);
}

Num activate(KernelBuilder &b, Activation activation, Num x) {
  switch (activation) {
  case Activation::None:
    return x;
  case Activation::Gelu:
  case Activation::GeluTanh:
    return x * gelu(b, activation, false, x);
  case Activation::Relu:
    return b.max(0.0, x);
  case Activation::Tanh:
    return b.tanh(x);
  case Activation::Silu:
    return x * b.sigmoid(x);
  }
  return x;
}

Num activationDerivative(KernelBuilder &b, Activation activation, Num x) {
  switch (activation) {
  case Activation::None:
    return b.like(x, 1.0);
  case Activation::Gelu:
  case Activation::GeluTanh:
    return gelu(b, activation, true, x);
  case Activation::Relu:
    return b.select(x > 0.0, b.like(x, 1.0), 0.0);
  case Activation::Tanh: {
    Num t = b.tanh(x);
    return 1.0 - t * t;
  }
  case Activation::Silu: {
    Num s = b.sigmoid(x);
    return s * b.fma(x, 1.0 - s, 1.0);
  }
  }
  return x;
}

} // namespace ftc::cpu
