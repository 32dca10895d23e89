// Which search a text gets, and the checks that all share.
#include "runtime/generation/Search.h"

#include <cmath>

namespace ftc::rt {

Result<std::unique_ptr<Search>> makeSearch(const GenerationSettings &settings,
                                           std::vector<std::int32_t> prompt,
                                           std::int64_t vocabulary, std::uint32_t seed,
                                           std::uint32_t sequence,
                                           std::vector<std::int32_t> source) {
  if (prompt.empty())
    return Status::error("generation needs a prompt of at least one token, got none");
  if (static_cast<std::int64_t>(prompt.size()) >= settings.maxLength)
    return Status::error("the prompt has " + std::to_string(prompt.size()) +
                         " tokens, max_length is " + std::to_string(settings.maxLength) +
                         " and counts them: raise it, or shorten the prompt");
  if (source.empty())
    source = prompt;
  if (settings.numBeams == 1)
    return makeGreedySearch(settings, std::move(prompt), std::move(source), vocabulary, seed,
                            sequence);
  if (settings.sample)
    return Status::error("do_sample with num_beams " + std::to_string(settings.numBeams) +
                         " is not supported: sample with one beam, or search without sampling");
  if (settings.encoderRepetitionPenalty != 1)
    return Status::error("encoder_repetition_penalty with num_beams " +
                         std::to_string(settings.numBeams) +
                         " is not supported: write with one beam, or leave it out");
  return makeBeamSearch(settings, std::move(prompt), std::move(source), vocabulary);
}

Status checkLogits(const GenerationSettings &settings, std::span<const float> logits,
                   std::size_t rows, std::int64_t vocabulary) {
  if (logits.size() != rows * static_cast<std::size_t>(vocabulary))
    return Status::error("expected " + std::to_string(rows) + " rows of " +
                         std::to_string(vocabulary) + " logits, got " +
                         std::to_string(logits.size()) + " values");
  for (std::size_t i = 0; i < logits.size() && !settings.removeInvalid; ++i)
    if (!std::isfinite(logits[i]))
      return Status::error("the logit of token " +
                           std::to_string(i % static_cast<std::size_t>(vocabulary)) +
                           " is not finite: the model's weights are damaged or diverged");
  return {};
}

} // namespace ftc::rt
