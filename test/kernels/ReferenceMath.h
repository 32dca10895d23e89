// f64 references of the scalar functions, from the standard library.
#pragma once

#include "compiler/targets/cpu/kernels/KernelSpec.h"

#include <cmath>

namespace ftc::cpu::test {

inline double activation(Activation act, double x) {
  switch (act) {
  case Activation::None:
    return x;
  case Activation::Gelu:
    return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
  case Activation::GeluTanh:
    return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  case Activation::Relu:
    return x > 0 ? x : 0;
  case Activation::Tanh:
    return std::tanh(x);
  case Activation::Silu:
    return x / (1 + std::exp(-x));
  }
  return x;
}

/// The derivative, by central differences in f64 (error about 1e-10).
inline double activationSlope(Activation act, double x) {
  if (act == Activation::Relu)
    return x > 0;
  const double h = 1e-5;
  return (activation(act, x + h) - activation(act, x - h)) / (2 * h);
}

} // namespace ftc::cpu::test
