// Checks of logits and the few text forms that outputs share.
#include "runtime/tasks/OutputChecks.h"

#include "runtime/support/Text.h"

#include <nlohmann/json.hpp>

#include <charconv>
#include <cmath>
#include <cstdio>

namespace ftc::rt {

Status checkRows(std::span<const float> logits, std::int64_t classes,
                 std::span<const OutputRow> rows, std::span<const Example> examples,
                 std::int64_t width, LabelPlacement placement) {
  if (classes != width || logits.size() != rows.size() * static_cast<std::size_t>(width))
    return Status::error("expected " + std::to_string(rows.size()) + " rows of " +
                         std::to_string(width) + " logits, got " +
                         std::to_string(logits.size()) + " values in rows of " +
                         std::to_string(classes));
  for (const OutputRow &row : rows) {
    bool known = row.example >= 0 && row.example < static_cast<std::int64_t>(examples.size());
    if (known && placement == LabelPlacement::Token)
      known = row.token >= 0 && row.token < examples[row.example].tokens();
    if (!known)
      return Status::error("expected outputs of " + std::to_string(examples.size()) +
                           " examples, got one for example " + std::to_string(row.example) +
                           ", token " + std::to_string(row.token));
  }
  return {};
}

Status checkFinite(std::span<const float> logits, const Example &example) {
  for (float logit : logits)
    if (!std::isfinite(logit))
      return Status::error("the model's output for the example of line " +
                           std::to_string(example.line) +
                           " is not finite: its weights have diverged or are damaged");
  return {};
}

Result<std::int32_t> largestLogit(std::span<const float> logits, const Example &example) {
  FTC_RETURN_IF_ERROR(checkFinite(logits, example));
  std::size_t best = 0;
  for (std::size_t label = 0; label < logits.size(); ++label)
    if (logits[label] > logits[best])
      best = label;
  return static_cast<std::int32_t>(best);
}

Status missingOutput(const Example &example) {
  return Status::error("no output for the example of line " + std::to_string(example.line) +
                       ": expected one for each example");
}

std::string scoreLine(std::string_view name, double precision, double recall, double f1,
                      std::int64_t support) {
  char numbers[96];
  std::snprintf(numbers, sizeof numbers, "%9.4f %9.4f %9.4f %9lld\n", precision, recall, f1,
                static_cast<long long>(support));
  std::string shown = escape(name, 28);
  shown.resize(std::max<std::size_t>(shown.size(), 32), ' ');
  return shown + numbers;
}

std::string jsonString(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false,
                                   nlohmann::json::error_handler_t::replace);
}

std::string shortestNumber(float value) {
  char text[32];
  auto [end, error] = std::to_chars(text, text + sizeof text, value);
  std::string number(text, end);
  return number.find_first_of(".e") == std::string::npos ? number + ".0" : number;
}

} // namespace ftc::rt
