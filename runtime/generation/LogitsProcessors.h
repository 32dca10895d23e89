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

/// Applies, in the order of transformers' `_get_logits_processor`: biases of sequences,
/// repetition penalties of the source and of the text, no-repeat n-grams of both, bad words,
/// minimum length, forced first and last tokens, the removal of invalid values, the decay of
/// the length, suppressed tokens. `scores` [vocabulary] are logits or log probabilities, as the
/// search has them. Ids beyond the vocabulary do nothing. With renormalize_logits what is left
/// becomes log probabilities again, unless warpScores follows.
void processScores(const GenerationSettings &settings, const TextSoFar &text,
                   std::span<float> scores);

/// x - max - log(sum exp(x - max)), as f32 log_softmax rounds it; -inf stays, also where
/// nothing else is there.
void logSoftmax(std::span<float> row);

/// What sampling applies to processed scores, as transformers' warpers in their order:
/// temperature, top-k, top-p, min-p, typical, epsilon and eta cutoffs. What is cut becomes
/// -inf, the best token stays (typical: the most typical one). With renormalize_logits the rest
/// are log probabilities.
void warpScores(const GenerationSettings &settings, std::span<float> scores);

} // namespace ftc::rt
