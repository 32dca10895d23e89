// Perplexity and gen_len.
#include "runtime/metrics/Generation.h"

#include <algorithm>
#include <cmath>

namespace ftc::rt {

double perplexity(double summedNegativeLogLikelihood, std::int64_t tokens) {
  return tokens == 0 ? 0 : std::exp(summedNegativeLogLikelihood / static_cast<double>(tokens));
}

void GenerationLength::add(std::span<const std::int32_t> output, std::int32_t paddingId) {
  ids += static_cast<std::int64_t>(output.size()) -
         std::count(output.begin(), output.end(), paddingId);
  ++outputs;
}

double GenerationLength::mean() const {
  return outputs == 0 ? 0 : static_cast<double>(ids) / static_cast<double>(outputs);
}

} // namespace ftc::rt
