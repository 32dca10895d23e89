// What is reported of any generation: perplexity of the labels, length of the output.
#pragma once

#include <cstdint>
#include <span>

namespace ftc::rt {

/// exp(summed negative log-likelihood / tokens), infinite where that overflows; 0 without
/// tokens, which no perplexity can be.
double perplexity(double summedNegativeLogLikelihood, std::int64_t tokens);

/// Hugging Face's gen_len: the mean number of generated ids that are not padding. All that
/// generate() returns counts, the start and end tokens too unless they are the padding id.
class GenerationLength {
public:
  void add(std::span<const std::int32_t> ids, std::int32_t paddingId);
  /// 0 without outputs.
  double mean() const;

private:
  std::int64_t ids = 0, outputs = 0;
};

} // namespace ftc::rt
