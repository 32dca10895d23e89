// Significand and exponent first, one rounding each after that.
#include "runtime/tokenizers/SerdeFloat.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <limits>

namespace ftc::rt {

/// 10^0 to 10^308, each the nearest f64.
static const std::array<double, 309> &powersOfTen() {
  static const std::array<double, 309> table = [] {
    std::array<double, 309> powers{};
    for (int i = 0; i < 309; ++i) {
      std::array<char, 8> text{};
      char *end = std::to_chars(text.data() + 2, text.data() + text.size(), i).ptr;
      text[0] = '1';
      text[1] = 'e';
      std::from_chars(text.data(), end, powers[i]);
    }
    return powers;
  }();
  return table;
}

static double fromParts(std::uint64_t significand, int exponent) {
  auto value = static_cast<double>(significand);
  for (; exponent < -308; exponent += 308) {
    if (value == 0)
      return value;
    value /= 1e308;
  }
  if (exponent > 308)
    return value == 0 ? value : std::numeric_limits<double>::infinity();
  return exponent >= 0 ? value * powersOfTen()[exponent] : value / powersOfTen()[-exponent];
}

double serdeFloat(std::string_view number) {
  bool negative = number.starts_with('-');
  if (negative)
    number.remove_prefix(1);
  std::uint64_t significand = 0;
  int exponent = 0;
  bool fraction = false, full = false;
  std::size_t at = 0;
  for (; at < number.size() && number[at] != 'e' && number[at] != 'E'; ++at) {
    if (number[at] == '.') {
      fraction = true;
      full = false; // the first digit of the fraction is tried anew
      continue;
    }
    auto digit = static_cast<std::uint64_t>(number[at] - '0');
    std::uint64_t next = 0;
    full |= __builtin_mul_overflow(significand, 10, &next) ||
            __builtin_add_overflow(next, digit, &next);
    if (!full) {
      significand = next;
      exponent -= fraction;
    } else if (!fraction) {
      ++exponent; // a digit of the integer part that has no room
    }
  }
  if (at < number.size()) {
    std::string_view written = number.substr(at + 1);
    if (written.starts_with('+'))
      written.remove_prefix(1);
    int value = 0;
    auto [end, error] = std::from_chars(written.data(), written.data() + written.size(), value);
    bool small = written.starts_with('-');
    if (error != std::errc())
      value = small ? -100000 : 100000;
    exponent += value > 100000 ? 100000 : value < -100000 ? -100000 : value;
  }
  double value = fromParts(significand, exponent);
  return negative ? -value : value;
}

} // namespace ftc::rt
