// Perplexity from summed losses; texts as JSON lines and as plain ones.
#include "runtime/tasks/LanguageOutputs.h"

#include "runtime/io/Json.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace ftc::rt {

Status LanguageOutputs::add(std::span<const float>, std::int64_t, std::span<const OutputRow>) {
  return Status::error("a language model's evaluation gives losses, got logits");
}

void LanguageOutputs::takeLoss(double sum, std::int64_t count) {
  lossSum += sum;
  counted += count;
}

Result<Metrics> LanguageOutputs::metrics() const {
  double mean = counted ? lossSum / static_cast<double>(counted) : 0;
  return Metrics{{"perplexity", std::exp(mean)}, {"tokens", static_cast<double>(counted)}};
}

Result<std::string> LanguageOutputs::report() const {
  FTC_ASSIGN_OR_RETURN(Metrics values, metrics());
  char text[96];
  std::snprintf(text, sizeof text, "perplexity %.4f (%lld tokens)\n", values[0].second,
                static_cast<long long>(counted));
  return std::string(text);
}

Result<std::string> LanguageOutputs::predictionLines(const DataTable &,
                                                     const TaskColumns &) const {
  std::string lines;
  for (const WrittenText &written : texts) {
    OrderedJson line;
    line["text"] = written.text;
    if (showIds)
      line["ids"] = written.ids;
    lines += dumpJson(line) + "\n";
  }
  return lines;
}

Result<std::string> LanguageOutputs::predictionsText(const DataTable &,
                                                     const TaskColumns &) const {
  constexpr std::string_view kSpaces = " \t\n\r\v\f";
  std::string lines;
  for (const auto &[text, ids] : texts) {
    std::size_t first = text.find_first_not_of(kSpaces);
    std::string line =
        first == std::string::npos
            ? std::string()
            : text.substr(first, text.find_last_not_of(kSpaces) + 1 - first);
    std::replace_if(line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    lines += line + "\n";
  }
  return lines;
}

} // namespace ftc::rt
