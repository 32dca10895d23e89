// CellText: numbers, decimals and times as the text that a JSON file would have of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ftc::rt::parquet {

/// As Python's repr: the shortest digits that give the number back, with a point or an
/// exponent. `single`: those of a float.
std::string realText(double value, bool single);

/// unscaled / 10^scale with all its digits; `scale` of 0 to 40.
std::string decimalText(__int128 unscaled, int scale);
/// A big-endian two's complement of at most 16 bytes.
__int128 bigEndian(std::string_view bytes);

/// "2024-02-29" of days since 1970.
std::string dateText(std::int64_t days);
/// "23:59:59.001" of 10^-digits seconds since midnight.
std::string timeText(std::int64_t value, int digits);
/// "2024-02-29T23:59:59.001", with "Z" behind it where it is UTC.
std::string timestampText(std::int64_t value, int digits, bool utc);

} // namespace ftc::rt::parquet
