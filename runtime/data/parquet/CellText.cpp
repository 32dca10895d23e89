// Digits by std::to_chars, days by the civil calendar.
#include "runtime/data/parquet/CellText.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace ftc::rt::parquet {

namespace {

/// The shortest digits with an exponent: "1.25e-07".
std::string scientific(double value, bool single) {
  char text[40];
  constexpr auto format = std::chars_format::scientific;
  auto done = single
                  ? std::to_chars(text, text + sizeof text, static_cast<float>(value), format)
                  : std::to_chars(text, text + sizeof text, value, format);
  return std::string(text, done.ptr);
}

/// The whole part of a division, towards minus infinity.
std::int64_t floorDivide(std::int64_t value, std::int64_t by) {
  std::int64_t quotient = value / by;
  return quotient - (value % by < 0);
}

std::int64_t powerOfTen(int digits) {
  std::int64_t power = 1;
  for (int i = 0; i < digits; ++i)
    power *= 10;
  return power;
}

} // namespace

std::string realText(double value, bool single) {
  if (std::isinf(value))
    return value < 0 ? "-inf" : "inf";
  std::string text = scientific(value, single);
  std::size_t mark = text.find('e');
  int exponent = std::atoi(text.c_str() + mark + 1);
  if (exponent < -4 || exponent >= 16)
    return text;
  std::string sign = text[0] == '-' ? "-" : "", digits;
  for (char c : std::string_view(text).substr(sign.size(), mark - sign.size()))
    if (c != '.')
      digits.push_back(c);
  if (exponent < 0)
    return sign + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  std::size_t whole = static_cast<std::size_t>(exponent) + 1;
  digits.resize(std::max(digits.size(), whole + 1), '0');
  return sign + digits.insert(whole, 1, '.');
}

std::string decimalText(__int128 unscaled, int scale) {
  bool negative = unscaled < 0;
  auto size = negative ? 0 - static_cast<unsigned __int128>(unscaled)
                       : static_cast<unsigned __int128>(unscaled);
  std::string digits;
  do {
    digits.push_back(static_cast<char>('0' + static_cast<int>(size % 10)));
    size /= 10;
  } while (size > 0 || digits.size() <= static_cast<std::size_t>(scale));
  if (scale > 0)
    digits.insert(static_cast<std::size_t>(scale), 1, '.');
  if (negative)
    digits.push_back('-');
  std::reverse(digits.begin(), digits.end());
  return digits;
}

__int128 bigEndian(std::string_view bytes) {
  unsigned __int128 value = 0;
  if (!bytes.empty() && static_cast<unsigned char>(bytes[0]) >= 0x80)
    value = ~value;
  for (char byte : bytes)
    value = value << 8 | static_cast<unsigned char>(byte);
  return static_cast<__int128>(value);
}

std::string dateText(std::int64_t days) {
  // Beyond what a calendar's type holds the number itself is the text.
  constexpr std::int64_t kMost = 11000000;
  if (days > kMost || days < -kMost)
    return std::to_string(days);
  std::chrono::year_month_day date{
      std::chrono::sys_days(std::chrono::days(static_cast<int>(days)))};
  char text[40];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", int(date.year()), unsigned(date.month()),
                unsigned(date.day()));
  return text;
}

std::string timeText(std::int64_t value, int digits) {
  // A time of day is not negative; one that is keeps its sign before the whole.
  bool negative = value < 0;
  std::int64_t power = powerOfTen(digits);
  std::int64_t seconds = std::abs(value / power), part = std::abs(value % power);
  char text[64];
  std::snprintf(
      text, sizeof text, "%s%02lld:%02lld:%02lld", negative ? "-" : "", static_cast<long long>(seconds / 3600),
      static_cast<long long>(seconds / 60 % 60), static_cast<long long>(seconds % 60));
  std::string whole = text;
  if (part == 0)
    return whole;
  std::string fraction = std::to_string(part);
  return whole + "." + std::string(static_cast<std::size_t>(digits) - fraction.size(), '0') +
         fraction;
}

std::string timestampText(std::int64_t value, int digits, bool utc) {
  std::int64_t day = 86400 * powerOfTen(digits), days = floorDivide(value, day);
  std::int64_t within = value % day + (value % day < 0 ? day : 0);
  return dateText(days) + "T" + timeText(within, digits) + (utc ? "Z" : "");
}

} // namespace ftc::rt::parquet
