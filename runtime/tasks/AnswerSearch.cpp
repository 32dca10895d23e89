// Scores are sums of f32 logits in f32, as numpy adds them; ties keep the order of windows,
// starts and ends.
#include "runtime/tasks/AnswerSearch.h"

#include "runtime/tasks/Answers.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ftc::rt {

void AnswerSearch::clear() {
  spans.clear();
  nextOrder = 0;
  hasNull = false;
}

void AnswerSearch::bestTokens(std::span<const float> logits, std::size_t column,
                              std::vector<std::int32_t> &out) const {
  std::size_t tokens = logits.size() / 2;
  std::size_t kept = std::min(tokens, static_cast<std::size_t>(settings.nBestSize));
  out.resize(tokens);
  std::iota(out.begin(), out.end(), 0);
  std::partial_sort(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(kept), out.end(),
                    [&](std::int32_t a, std::int32_t b) {
                      float x = logits[2 * a + column], y = logits[2 * b + column];
                      return x != y ? x > y : a < b;
                    });
  out.resize(kept);
}

void AnswerSearch::addWindow(std::span<const float> logits,
                             std::span<const std::pair<std::int32_t, std::int32_t>> offsets) {
  if (offsets.empty())
    return;
  float nullScore = logits[0] + logits[1];
  if (!hasNull || null.score > nullScore)
    null = {0, 0, logits[0], logits[1], nullScore, 0};
  hasNull = true;
  bestTokens(logits, 0, starts);
  bestTokens(logits, 1, ends);
  for (std::int32_t start : starts)
    for (std::int32_t end : ends) {
      if (offsets[start].first < 0 || offsets[end].first < 0 || end < start ||
          end - start + 1 > settings.maxAnswerLength)
        continue;
      float first = logits[2 * start], last = logits[2 * end + 1];
      spans.push_back(
          {offsets[start].first, offsets[end].second, first, last, first + last, nextOrder++});
    }
  keepBest();
}

/// Drops what cannot be among the n best any more, so that long contexts take no memory.
void AnswerSearch::keepBest() {
  std::sort(spans.begin(), spans.end(), [](const Span &a, const Span &b) {
    return a.score != b.score ? a.score > b.score : a.order < b.order;
  });
  if (spans.size() > static_cast<std::size_t>(settings.nBestSize))
    spans.resize(static_cast<std::size_t>(settings.nBestSize));
}

AnswerChoice AnswerSearch::choose(std::string_view context) {
  bool version2 = settings.version2WithNegative && hasNull;
  if (version2) {
    null.order = nextOrder++;
    spans.push_back(null);
    keepBest();
    if (std::none_of(spans.begin(), spans.end(),
                     [](const Span &span) { return span.begin == 0 && span.end == 0; }))
      spans.push_back(null);
  }
  AnswerChoice choice;
  std::vector<double> scores;
  for (const Span &span : spans) {
    choice.best.push_back({std::string(codePointSlice(context, span.begin, span.end)),
                           static_cast<double>(span.start), static_cast<double>(span.stop), 0});
    scores.push_back(static_cast<double>(span.score));
  }
  auto answers = [](const AnswerCandidate &candidate) { return !candidate.text.empty(); };
  if (std::none_of(choice.best.begin(), choice.best.end(), answers) &&
      (version2 || choice.best.size() < 2)) {
    choice.best.insert(choice.best.begin(), {"empty", 0, 0, 0});
    scores.insert(scores.begin(), 0);
  }
  double top = *std::max_element(scores.begin(), scores.end()), sum = 0;
  for (double score : scores)
    sum += std::exp(score - top);
  for (std::size_t i = 0; i < scores.size(); ++i)
    choice.best[i].probability = std::exp(scores[i] - top) / sum;
  const AnswerCandidate *chosen = &choice.best.front();
  if (version2) {
    chosen = &*std::find_if(choice.best.begin(), choice.best.end(), answers);
    choice.nullOdds = null.score - static_cast<float>(chosen->startLogit) -
                      static_cast<float>(chosen->endLogit);
    if (choice.nullOdds > settings.nullScoreDiffThreshold)
      chosen = &*std::find_if_not(choice.best.begin(), choice.best.end(), answers);
  }
  choice.text = chosen->text;
  choice.probability = chosen->probability;
  return choice;
}

} // namespace ftc::rt
