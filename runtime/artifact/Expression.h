// Size expressions of the plan: value = constant + sum of coefficient * ceil(symbol / divisor).
#pragma once

#include "runtime/abi/artifact_generated.h"

#include <cstdint>
#include <span>

namespace ftc::rt {

/// Evaluates `expr` with one value a symbol. False when 64-bit signed arithmetic overflows, a
/// symbol index is out of range or a divisor is 0; `value` is then unspecified. No allocation.
bool evaluate(const abi::Expr &expr, std::span<const std::int64_t> symbols,
              std::int64_t &value);

/// The largest value `expr` takes for symbols in [0, capacity]: negative coefficients count as
/// zero occurrences. False as `evaluate`.
bool upperBound(const abi::Expr &expr, std::span<const std::int64_t> capacities,
                std::int64_t &value);

/// Bytes of one element.
std::int64_t sizeOf(abi::DType dtype);

/// "f32", "i64", ...
const char *nameOf(abi::DType dtype);

} // namespace ftc::rt
