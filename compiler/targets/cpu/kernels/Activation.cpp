// Activations and their derivatives at the pre-activation, on vectors.
#include "compiler/targets/cpu/kernels/MicroKernel.h"

namespace ftc::cpu {

static constexpr double invSqrt2 = 0.70710678118654752440;
static constexpr double sqrt2OverPi = 0.79788456080286535588;
static constexpr double invSqrt2Pi = 0.39894228040143267794;
static constexpr double cubic = 0.044715;

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

/// 2 u of gelu_tanh's tanh(u): (1 + tanh u) / 2 is sigmoid(2 u).
static Num geluTanhArgument(KernelBuilder &b, Num x) {
  return x * b.fma(2.0 * sqrt2OverPi * cubic, x * x, 2.0 * sqrt2OverPi);
}

Num activate(KernelBuilder &b, Activation activation, Num x) {
  switch (activation) {
  case Activation::None:
    return x;
  case Activation::Gelu:
    return x * b.fma(0.5, b.erf(x * invSqrt2), 0.5);
  case Activation::GeluTanh:
    return x * b.sigmoid(geluTanhArgument(b, x));
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
  case Activation::Gelu: {
    // Phi(x) + x phi(x).
    Num density = b.exp(x * x * -0.5) * invSqrt2Pi;
    return b.fma(x, density, b.fma(0.5, b.erf(x * invSqrt2), 0.5));
  }
  case Activation::GeluTanh: {
    // s + x s (1 - s) d(2u)/dx.
    Num s = b.sigmoid(geluTanhArgument(b, x));
    Num slope = b.fma(6.0 * sqrt2OverPi * cubic, x * x, 2.0 * sqrt2OverPi);
    return b.fma(x * slope * s, 1.0 - s, s);
  }
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
