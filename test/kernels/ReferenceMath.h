// f64 references of the scalar functions, from the standard library.
#pragma once

#include "compiler/targets/cpu/kernels/KernelSpec.h"

#include <bit>
#include <cmath>
#include <cstdint>

namespace ftc::cpu::test {

/// The upper half of x, rounded to nearest even; x finite.
inline std::uint16_t toBf16(float x) {
  std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
inline float roundedToBf16(float x) {
  return std::bit_cast<float>(std::uint32_t{toBf16(x)} << 16);
}

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

/// Largest error of a kernel's activation(x), as a share of |x|, and of its slope: GELU's are
/// by polynomials, of fewer terms where products round their factors to bf16
/// (GeluPolynomials.h).
inline double activationError(Activation act, const CpuIsa &isa) {
  bool gelu = act == Activation::Gelu || act == Activation::GeluTanh;
  return gelu && isa.bf16Pairs ? 1.2e-5 : 1.4e-7;
}
inline double slopeError(Activation act, const CpuIsa &isa) {
  bool gelu = act == Activation::Gelu || act == Activation::GeluTanh;
  return gelu && isa.bf16Pairs ? 7.5e-5 : 1e-6;
}

/// The derivative, by central differences in f64 (error about 1e-10).
inline double activationSlope(Activation act, double x) {
  if (act == Activation::Relu)
    return x > 0;
  const double h = 1e-5;
  return (activation(act, x + h) - activation(act, x - h)) / (2 * h);
}

} // namespace ftc::cpu::test
