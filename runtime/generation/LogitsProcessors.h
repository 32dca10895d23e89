// The rules that change scores before a token is chosen, in transformers' order.
#pragma once

#include "runtime/generation/GenerationSettings.h"

#include <span>

namespace ftc::rt {

/// A text as far as it goes.
struct TextSoFar {
  std::span<const std::int32_t> source; ///< what it answers; a decoder's is its prompt
  std::span<const std::int32_t> tokens; ///< the prompt and what follows
  std::size_t promptLength;             ///< of them
};

/// Applies, in the order of transformers' `_get_logits_processor`: repetition penalty,
/// no-repeat n-grams of the text and of its source, bad words, minimum length, forced first and
/// last tokens, the decay of the length, suppressed tokens. `scores` [vocabulary] are logits or
/// log probabilities, as the search has them. Ids beyond the vocabulary do nothing. With
/// renormalize_logits what is left becomes log probabilities again, unless sampling does that.
void processScores(const GenerationSettings &settings, const TextSoFar &text,
                   std::span<float> scores);

/// x - max - log(sum exp(x - max)), as f32 log_softmax rounds it; -inf stays.
void logSoftmax(std::span<float> row);

/// Temperature, then top-k, then top-p, as transformers' warpers: what is cut becomes -inf.
void warpScores(const GenerationSettings &settings, std::span<float> scores);

} // namespace ftc::rt
