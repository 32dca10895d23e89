// Texts of flags and their values.
#include "tools/flags/FlagValues.h"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace ftc::cli {

std::optional<bool> parseBoolean(std::string_view text) {
  if (text == "true" || text == "True" || text == "TRUE")
    return true;
  if (text == "false" || text == "False" || text == "FALSE")
    return false;
  return std::nullopt;
}

std::optional<std::int64_t> parseInteger(std::string_view text) {
  std::int64_t value = 0;
  if (text.starts_with('+'))
    text.remove_prefix(1);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty())
    return std::nullopt;
  return value;
}

std::optional<double> parseReal(std::string_view text) {
  double value = 0;
  if (text.starts_with('+'))
    text.remove_prefix(1);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty() ||
      !std::isfinite(value))
    return std::nullopt;
  return value;
}

std::string shortReal(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%g", value);
  return buffer;
}

std::string describe(const IntegerRange &range) {
  constexpr IntegerRange all;
  if (range.least != all.least && range.most != all.most)
    return "an integer from " + std::to_string(range.least) + " to " +
           std::to_string(range.most);
  if (range.least != all.least)
    return "an integer of at least " + std::to_string(range.least);
  if (range.most != all.most)
    return "an integer of at most " + std::to_string(range.most);
  return "an integer";
}

std::string describe(const RealRange &range) {
  std::string text = "a number";
  if (std::isfinite(range.least))
    text += (range.leastOpen ? " above " : " of at least ") + shortReal(range.least);
  if (std::isfinite(range.most))
    text += std::string(std::isfinite(range.least) ? " and" : "") +
            (range.mostOpen ? " below " : " of at most ") + shortReal(range.most);
  return text;
}

bool inside(const RealRange &range, double value) {
  bool low = range.leastOpen ? value > range.least : value >= range.least;
  bool high = range.mostOpen ? value < range.most : value <= range.most;
  return low && high;
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string text;
  for (const std::string &part : parts)
    text += (text.empty() ? "" : std::string(separator)) + part;
  return text;
}

} // namespace ftc::cli
