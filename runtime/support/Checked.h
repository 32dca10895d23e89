// Integer arithmetic on untrusted sizes: every sum and product says whether it overflowed.
#pragma once

#include <concepts>
#include <limits>
#include <optional>
#include <span>
#include <utility>

namespace ftc::rt {

/// a * b, or nothing when it does not fit in T.
template <std::integral T> constexpr std::optional<T> checkedMul(T a, T b) {
  T out;
  if (__builtin_mul_overflow(a, b, &out))
    return std::nullopt;
  return out;
}

/// a + b, or nothing when it does not fit in T.
template <std::integral T> constexpr std::optional<T> checkedAdd(T a, T b) {
  T out;
  if (__builtin_add_overflow(a, b, &out))
    return std::nullopt;
  return out;
}

/// The value as a To, or nothing when it does not fit.
template <std::integral To, std::integral From>
constexpr std::optional<To> checkedCast(From value) {
  if (!std::in_range<To>(value))
    return std::nullopt;
  return static_cast<To>(value);
}

/// The product of all factors from left to right (1 when there are none), or nothing when a
/// partial product overflows, even if a later factor is 0.
template <std::integral T>
constexpr std::optional<T> checkedProduct(std::span<const T> factors) {
  T out = 1;
  for (T factor : factors)
    if (__builtin_mul_overflow(out, factor, &out))
      return std::nullopt;
  return out;
}

} // namespace ftc::rt
