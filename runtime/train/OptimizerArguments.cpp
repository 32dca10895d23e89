// A table of names, owners and ranges; one pass over the pairs.
#include "runtime/train/OptimizerArguments.h"

#include "runtime/support/Text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

namespace ftc::rt {

namespace {

struct Argument {
  std::string_view name, optimizer, range;
  double OptimizerArguments::*field;
  bool (*fits)(double value);
};

constexpr Argument kArguments[] = {
    {"momentum", "sgd", "from 0 to less than 1", &OptimizerArguments::momentum,
     [](double value) { return value >= 0 && value < 1; }},
    {"decay_rate", "adafactor", "from -1 to less than 0", &OptimizerArguments::decayRate,
     [](double value) { return value >= -1 && value < 0; }},
    {"clip_threshold", "adafactor", "above 0", &OptimizerArguments::clipThreshold,
     [](double value) { return value > 0; }},
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ')
    text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ')
    text.remove_suffix(1);
  return text;
}

Status unknown(std::string_view name, std::string_view optimizer) {
  std::vector<std::string> names;
  for (const Argument &argument : kArguments)
    if (argument.optimizer == optimizer)
      names.emplace_back(argument.name);
  std::string known = names.empty() ? "which takes none" : "expected " + quoteList(names, 4);
  return Status::usage("--optim_args: unknown argument " + quote(name) + " of the optimizer " +
                       quote(optimizer) + ", " + known);
}

} // namespace

Result<OptimizerArguments> parseOptimizerArguments(std::string_view text,
                                                   std::string_view optimizer) {
  OptimizerArguments arguments;
  std::vector<std::string_view> seen;
  while (!trimmed(text).empty()) {
    std::size_t comma = std::min(text.find(','), text.size());
    std::string_view pair = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos)
      return Status::usage("--optim_args: expected name=value, got " + quote(pair));
    std::string_view name = trimmed(pair.substr(0, equals));
    std::string_view number = trimmed(pair.substr(equals + 1));
    auto argument = std::find_if(
        std::begin(kArguments), std::end(kArguments), [&](const Argument &candidate) {
          return candidate.name == name && candidate.optimizer == optimizer;
        });
    if (argument == std::end(kArguments))
      return unknown(name, optimizer);
    if (std::find(seen.begin(), seen.end(), name) != seen.end())
      return Status::usage("--optim_args: " + quote(name) + " is given twice");
    seen.push_back(name);
    double value = 0;
    auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error != std::errc() || end != number.data() + number.size() || !std::isfinite(value) ||
        !argument->fits(value))
      return Status::usage("--optim_args: expected " + quote(name) + " as a number " +
                           std::string(argument->range) + ", got " + quote(number));
    arguments.*argument->field = value;
  }
  return arguments;
}

} // namespace ftc::rt
