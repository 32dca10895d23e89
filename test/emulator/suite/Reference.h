// Rounding to narrow formats the slow and obvious way, for comparison.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace ftc::emulator {

struct Format {
  int mantissa, exponent; // bits
  int bias() const { return (1 << (exponent - 1)) - 1; }
};
constexpr Format kBf16{7, 8}, kF16{10, 5}, kTf32{10, 8};

inline float floatOf(std::uint32_t bits) { return __builtin_bit_cast(float, bits); }
inline std::uint32_t bitsOf(float x) { return __builtin_bit_cast(std::uint32_t, x); }

/// The bits of `x` rounded to `format`; ties to even, or with `away` away from zero. NaN: all
/// ones but the sign.
inline std::uint32_t roundTo(const Format &format, long double x, bool away = false) {
  int total = format.mantissa + format.exponent;
  if (std::isnan(x))
    return (1u << total) - 1;
  std::uint32_t sign = std::signbit(x) ? 1u << total : 0;
  std::uint32_t infinity = ((1u << format.exponent) - 1) << format.mantissa;
  long double magnitude = std::fabs(x);
  if (std::isinf(magnitude))
    return sign | infinity;
  int least = 1 - format.bias(), exponent = magnitude == 0 ? least : std::ilogb(magnitude);
  exponent = exponent < least ? least : exponent;
  long double units = std::ldexp(magnitude, format.mantissa - exponent);
  long double whole = away ? std::round(units) : std::rint(units);
  // `whole` has the hidden bit, or is one too large for the exponent, or is subnormal.
  auto value = static_cast<std::uint32_t>(whole);
  if (value >= (2u << format.mantissa)) {
    value >>= 1;
    ++exponent;
  }
  if (exponent > format.bias())
    return sign | infinity;
  if (value < (1u << format.mantissa))
    return sign | value;
  return sign | static_cast<std::uint32_t>(exponent + format.bias()) << format.mantissa |
         (value & ((1u << format.mantissa) - 1));
}

inline double valueOf(const Format &format, std::uint32_t bits) {
  std::uint32_t mantissa = bits & ((1u << format.mantissa) - 1);
  int exponent = static_cast<int>(bits >> format.mantissa) & ((1 << format.exponent) - 1);
  bool negative = bits >> (format.mantissa + format.exponent) & 1;
  double value;
  if (exponent == (1 << format.exponent) - 1)
    value = mantissa ? NAN : INFINITY;
  else if (exponent == 0)
    value = std::ldexp(mantissa, 1 - format.bias() - format.mantissa);
  else
    value = std::ldexp(mantissa + (1u << format.mantissa),
                       exponent - format.bias() - format.mantissa);
  return negative ? -value : value;
}

/// a b + c rounded to odd in long double, so that rounding again to 16 bits is right.
inline long double fusedSum(double a, double b, double c) {
  long double product = static_cast<long double>(a) * b, sum = product + c,
              part = sum - product;
  long double error = (product - (sum - part)) + (c - part);
  std::uint64_t mantissa;
  std::memcpy(&mantissa, &sum, 8);
  if (!std::isfinite(sum) || error == 0 || mantissa & 1)
    return sum;
  return std::nextafter(sum, error > 0 ? INFINITY : -INFINITY);
}

} // namespace ftc::emulator
