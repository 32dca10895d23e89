// Evaluation of size expressions with every step checked: symbol values come from data.
#include "runtime/artifact/Expression.h"

#include <algorithm>

namespace ftc::rt {

/// ceil(value / divisor) for a positive divisor; cannot overflow.
static std::int64_t ceilDivide(std::int64_t value, std::int64_t divisor) {
  return value / divisor + (value % divisor > 0 ? 1 : 0);
}

static bool evaluateTerms(const abi::Expr &expr, std::span<const std::int64_t> symbols,
                          bool positiveOnly, std::int64_t &value) {
  std::int64_t sum = expr.constant();
  if (const auto *terms = expr.terms()) {
    for (const abi::Term *term : *terms) {
      if (term->symbol() >= symbols.size() || term->divisor() == 0)
        return false;
      if (positiveOnly && term->coefficient() < 0)
        continue;
      std::int64_t product;
      if (__builtin_mul_overflow(term->coefficient(),
                                 ceilDivide(symbols[term->symbol()], term->divisor()),
                                 &product) ||
          __builtin_add_overflow(sum, product, &sum))
        return false;
    }
  }
  value = sum;
  return true;
}

bool evaluate(const abi::Expr &expr, std::span<const std::int64_t> symbols,
              std::int64_t &value) {
  return evaluateTerms(expr, symbols, false, value);
}

bool upperBound(const abi::Expr &expr, std::span<const std::int64_t> capacities,
                std::int64_t &value) {
  return evaluateTerms(expr, capacities, true, value);
}

std::int64_t sizeOf(abi::DType dtype) {
  switch (dtype) {
  case abi::DType::F64:
  case abi::DType::I64:
    return 8;
  case abi::DType::F32:
  case abi::DType::I32:
    return 4;
  case abi::DType::BF16:
  case abi::DType::F16:
    return 2;
  case abi::DType::U8:
    return 1;
  }
  return 1;
}

const char *nameOf(abi::DType dtype) {
  static const char *const names[] = {"f32", "f64", "bf16", "f16", "i32", "i64", "u8"};
  auto index = static_cast<std::size_t>(dtype);
  return index < std::size(names) ? names[index] : "an unknown type";
}

} // namespace ftc::rt
