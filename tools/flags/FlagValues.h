// The texts of flags as values, their ranges in words, and lists of them.
#pragma once

#include "tools/flags/FlagSet.h"

namespace ftc::cli {

/// true, True, TRUE and their opposites; absent: anything else.
std::optional<bool> parseBoolean(std::string_view text);
/// A decimal integer of 64 bits, with or without a sign.
std::optional<std::int64_t> parseInteger(std::string_view text);
/// A finite decimal number.
std::optional<double> parseReal(std::string_view text);

/// A short decimal form: 5e-05, 0.1, 1.
std::string shortReal(double value);
/// "an integer from 1 to 8", "a number above 0 and of at most 1".
std::string describe(const IntegerRange &range);
std::string describe(const RealRange &range);
bool inside(const RealRange &range, double value);

std::string join(std::span<const std::string> parts, std::string_view separator);

} // namespace ftc::cli
