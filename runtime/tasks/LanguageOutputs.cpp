// Perplexity from summed losses; texts as JSON lines and as plain ones.
#include "runtime/tasks/LanguageOutputs.h"

#include "runtime/tasks/TextLines.h"

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
  Metrics values;
  if (counted > 0)
    values.emplace_back("perplexity", std::exp(lossSum / static_cast<double>(counted)));
  values.emplace_back("tokens", static_cast<double>(counted));
  return values;
}

Result<std::string> LanguageOutputs::report() const {
  FTC_ASSIGN_OR_RETURN(Metrics values, metrics());
  if (counted == 0)
    return std::string("no token counts: there is no perplexity\n");
  char text[96];
  std::snprintf(text, sizeof text, "perplexity %.4f (%lld tokens)\n", values[0].second,
                static_cast<long long>(counted));
  return std::string(text);
}

Result<std::string> LanguageOutputs::predictionLines(const DataTable &,
                                                     const TaskColumns &) const {
  return jsonTextLines(texts, showIds);
}

Result<std::string> LanguageOutputs::predictionsText(const DataTable &,
                                                     const TaskColumns &) const {
  return joinTexts(texts);
}

} // namespace ftc::rt
