// Each rule as its class in transformers' logits_process.py computes it, in f32.
#include "runtime/generation/LogitsProcessors.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ftc::rt {

namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

void set(std::span<float> scores, std::int32_t id, float value) {
  if (id >= 0 && static_cast<std::size_t>(id) < scores.size())
    scores[id] = value;
}

/// Each token that occurred is penalized once, however often it did.
void penalizeRepetition(double penalty, std::span<const std::int32_t> tokens,
                        std::span<float> scores) {
  std::vector<std::int32_t> seen(tokens.begin(), tokens.end());
  std::sort(seen.begin(), seen.end());
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  float factor = static_cast<float>(penalty);
  for (std::int32_t id : seen)
    if (id >= 0 && static_cast<std::size_t>(id) < scores.size())
      scores[id] = scores[id] < 0 ? scores[id] * factor : scores[id] / factor;
}

/// Biases of single tokens first, then those of sequences whose beginning ends the text, as
/// many as a text has tokens at most; their sum is added once.
void addBiases(std::span<const SequenceBias> biases, std::span<const std::int32_t> tokens,
               std::span<float> scores) {
  std::vector<float> sums(scores.size());
  auto add = [&](const SequenceBias &entry) {
    if (auto last = static_cast<std::size_t>(entry.tokens.back()); last < sums.size())
      sums[last] += static_cast<float>(entry.bias);
  };
  for (const SequenceBias &entry : biases)
    if (entry.tokens.size() == 1)
      add(entry);
  for (const SequenceBias &entry : biases) {
    std::span<const std::int32_t> before(entry.tokens.data(), entry.tokens.size() - 1);
    if (!before.empty() && entry.tokens.size() <= tokens.size() &&
        std::equal(before.begin(), before.end(), tokens.end() - before.size()))
      add(entry);
  }
  for (std::size_t id = 0; id < scores.size(); ++id)
    scores[id] += sums[id];
}

/// Bans every token that would end an n-gram of `known`.
void banNgramsOf(std::span<const std::int32_t> known, std::int64_t size,
                 std::span<const std::int32_t> tokens, std::span<float> scores) {
  std::size_t n = static_cast<std::size_t>(size);
  if (tokens.size() + 1 < n)
    return;
  std::span<const std::int32_t> prefix = tokens.last(n - 1);
  for (std::size_t at = 0; at + n <= known.size(); ++at)
    if (std::equal(prefix.begin(), prefix.end(), known.begin() + at))
      set(scores, known[at + n - 1], kNever);
}

/// A bad word's last token is banned where the tokens before it are there. End-of-text tokens
/// are never bad words; words longer than the text so far cannot match.
void banBadWords(const GenerationSettings &settings, std::span<const std::int32_t> tokens,
                 std::span<float> scores) {
  for (const std::vector<std::int32_t> &word : settings.badWords) {
    if (word.size() == 1 && settings.isEnd(word[0]))
      continue;
    if (word.size() > 1 && word.size() > tokens.size())
      continue;
    std::span<const std::int32_t> before(word.data(), word.size() - 1);
    if (std::equal(before.begin(), before.end(), tokens.end() - before.size()))
      set(scores, word.back(), kNever);
  }
}

/// The score of every end grows with each token beyond the regulated length; what is banned
/// stays so (transformers makes NaN of it).
void favourTheEnd(const GenerationSettings &settings, const TextSoFar &text,
                  std::span<float> scores) {
  std::int64_t beyond = static_cast<std::int64_t>(text.tokens.size() - text.promptLength) -
                        settings.lengthDecay->start;
  if (beyond <= 0)
    return;
  // Finite however far beyond: a score of 0 stays 0, another's gain ends at the largest float.
  constexpr double most = std::numeric_limits<float>::max();
  float gain = static_cast<float>(std::min(
      std::pow(settings.lengthDecay->factor, static_cast<double>(beyond)) - 1, most));
  for (std::int32_t id : settings.endIds)
    if (static_cast<std::size_t>(id) < scores.size() && std::isfinite(scores[id]))
      scores[id] = std::min(scores[id] + std::abs(scores[id]) * gain, static_cast<float>(most));
}

/// The first token is that behind the prompt, or behind a forced one.
bool isFirst(const GenerationSettings &settings, const TextSoFar &text) {
  std::size_t forced = text.promptLength == 1 && settings.forcedBegin ? 1 : 0;
  return text.tokens.size() == text.promptLength + forced;
}

/// NaN becomes 0, infinities the largest and the least finite value: nothing is banned any
/// more.
void removeInvalid(std::span<float> scores) {
  constexpr float most = std::numeric_limits<float>::max();
  for (float &score : scores)
    score = std::isnan(score) ? 0 : std::clamp(score, -most, most);
}

void forceOnly(std::span<const std::int32_t> ids, std::span<float> scores) {
  std::fill(scores.begin(), scores.end(), kNever);
  for (std::int32_t id : ids)
    set(scores, id, 0);
}

} // namespace

void processScores(const GenerationSettings &settings, const TextSoFar &text,
                   std::span<float> scores) {
  std::span<const std::int32_t> tokens = text.tokens;
  std::int64_t length = static_cast<std::int64_t>(tokens.size());
  if (!settings.sequenceBias.empty())
    addBiases(settings.sequenceBias, tokens, scores);
  if (settings.encoderRepetitionPenalty != 1)
    penalizeRepetition(1 / settings.encoderRepetitionPenalty, text.source, scores);
  if (settings.repetitionPenalty != 1)
    penalizeRepetition(settings.repetitionPenalty, tokens, scores);
  if (settings.noRepeatNgramSize > 0)
    banNgramsOf(tokens, settings.noRepeatNgramSize, tokens, scores);
  if (settings.encoderNoRepeatNgramSize > 0)
    banNgramsOf(text.source, settings.encoderNoRepeatNgramSize, tokens, scores);
  banBadWords(settings, tokens, scores);
  if (length < settings.minLength)
    for (std::int32_t id : settings.endIds)
      set(scores, id, kNever);
  if (settings.forcedBegin && length == 1)
    forceOnly({&*settings.forcedBegin, 1}, scores);
  if (!settings.forcedEnd.empty() && length == settings.maxLength - 1)
    forceOnly(settings.forcedEnd, scores);
  if (settings.removeInvalid)
    removeInvalid(scores);
  if (settings.lengthDecay)
    favourTheEnd(settings, text, scores);
  for (std::int32_t id : settings.suppressed)
    set(scores, id, kNever);
  if (isFirst(settings, text))
    for (std::int32_t id : settings.suppressedFirst)
      set(scores, id, kNever);
  if (settings.renormalize && !settings.sample)
    logSoftmax(scores);
}

void logSoftmax(std::span<float> row) {
  float top = *std::max_element(row.begin(), row.end());
  if (!std::isfinite(top))
    return; // nothing is left to choose from
  double sum = 0;
  for (float value : row)
    sum += std::exp(static_cast<double>(value - top));
  float log = static_cast<float>(std::log(sum));
  for (float &value : row)
    value = value - top - log;
}

} // namespace ftc::rt
