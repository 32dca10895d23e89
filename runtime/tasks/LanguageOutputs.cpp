// Perplexity from summed losses.
#include "runtime/tasks/LanguageOutputs.h"

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
  return Status::error("text-generation: ftrt predict is not yet supported; transformers "
                       "generates with the exported model");
}

} // namespace ftc::rt
