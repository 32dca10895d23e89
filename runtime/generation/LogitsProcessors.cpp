// Each rule as its class in transformers' logits_process.py computes it, in f32.
#include "runtime/generation/LogitsProcessors.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

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

void warpScores(const GenerationSettings &settings, std::span<float> scores) {
  if (settings.temperature != 1)
    for (float &score : scores)
      score /= static_cast<float>(settings.temperature);
  std::size_t keep = static_cast<std::size_t>(settings.topK);
  if (keep > 0 && keep < scores.size()) {
    std::vector<float> sorted(scores.begin(), scores.end());
    std::nth_element(sorted.begin(), sorted.begin() + (keep - 1), sorted.end(),
                     std::greater<float>());
    float least = sorted[keep - 1];
    for (float &score : scores)
      if (score < least)
        score = kNever;
  }
  if (settings.topP >= 1)
    return;
  // Ascending order; what together has at most 1 - top_p goes, the best one always stays.
  std::vector<std::int32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return scores[a] != scores[b] ? scores[a] < scores[b] : a < b;
  });
  double total = 0, below = 0;
  float top = scores[order.back()];
  for (float score : scores)
    total += std::exp(static_cast<double>(score) - top);
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {
    below += std::exp(static_cast<double>(scores[order[i]]) - top) / total;
    if (below > 1 - settings.topP)
      break;
    scores[order[i]] = kNever;
  }
}

} // namespace ftc::rt
