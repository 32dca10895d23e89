// What narrows the choice of a sample, each rule as its class in transformers'
// logits_process.py computes it; probabilities are summed in f64 and rounded to f32.
#include "runtime/generation/LogitsProcessors.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

namespace ftc::rt {

namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

std::vector<float> softmax(std::span<const float> scores) {
  float top = *std::max_element(scores.begin(), scores.end());
  double total = 0;
  for (float score : scores)
    total += std::exp(static_cast<double>(score) - top);
  std::vector<float> shares;
  shares.reserve(scores.size());
  for (float score : scores)
    shares.push_back(static_cast<float>(std::exp(static_cast<double>(score) - top) / total));
  return shares;
}

/// -sum p log p; what cannot come adds nothing.
double entropyOf(std::span<const float> scores) {
  std::vector<float> logs(scores.begin(), scores.end());
  logSoftmax(logs);
  double entropy = 0;
  for (float log : logs)
    if (std::isfinite(log))
      entropy -= std::exp(static_cast<double>(log)) * log;
  return entropy;
}

void keepTopK(std::int64_t k, std::span<float> scores) {
  std::size_t keep = static_cast<std::size_t>(k);
  if (keep == 0 || keep >= scores.size())
    return;
  std::vector<float> sorted(scores.begin(), scores.end());
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(keep - 1),
                   sorted.end(), std::greater<float>());
  float least = sorted[keep - 1];
  for (float &score : scores)
    if (score < least)
      score = kNever;
}

/// In ascending order what together has at most 1 - p goes; the best one always stays.
void keepTopP(double p, std::span<float> scores) {
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
    if (below > 1 - p)
      break;
    scores[order[i]] = kNever;
  }
}

/// What is less likely than `least` goes, unless it is the best.
void keepLikely(float least, std::span<const float> shares, std::span<float> scores) {
  float top = *std::max_element(scores.begin(), scores.end());
  for (std::size_t id = 0; id < scores.size(); ++id)
    if (shares[id] < least && scores[id] < top)
      scores[id] = kNever;
}

/// Locally typical sampling (Meister et al. 2022): those whose surprise is nearest to the
/// entropy stay, as many as have `mass` together.
void keepTypical(double mass, std::span<float> scores) {
  std::vector<float> shares = softmax(scores), logs(scores.begin(), scores.end());
  logSoftmax(logs);
  float entropy = static_cast<float>(entropyOf(scores));
  std::vector<float> distance;
  for (float log : logs)
    distance.push_back(std::abs(-log - entropy));
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return distance[a] < distance[b]; });
  double sum = 0;
  std::size_t last = 0;
  while (last + 1 < order.size() && (sum += shares[order[last]]) < mass)
    ++last;
  float most = distance[order[last]];
  for (std::size_t id = 0; id < scores.size(); ++id)
    if (distance[id] > most)
      scores[id] = kNever;
}

} // namespace

void warpScores(const GenerationSettings &settings, std::span<float> scores) {
  if (settings.temperature != 1)
    for (float &score : scores)
      score /= static_cast<float>(settings.temperature);
  keepTopK(settings.topK, scores);
  if (settings.topP < 1)
    keepTopP(settings.topP, scores);
  if (settings.minP) {
    std::vector<float> shares = softmax(scores);
    float top = *std::max_element(shares.begin(), shares.end());
    keepLikely(static_cast<float>(*settings.minP) * top, shares, scores);
  }
  if (settings.typicalP < 1)
    keepTypical(settings.typicalP, scores);
  if (settings.epsilonCutoff > 0 && settings.epsilonCutoff < 1)
    keepLikely(static_cast<float>(settings.epsilonCutoff), softmax(scores), scores);
  if (settings.etaCutoff > 0 && settings.etaCutoff < 1) {
    double eta = std::min(settings.etaCutoff,
                          std::sqrt(settings.etaCutoff) * std::exp(-entropyOf(scores)));
    keepLikely(static_cast<float>(eta), softmax(scores), scores);
  }
  if (settings.renormalize)
    logSoftmax(scores);
}

} // namespace ftc::rt
