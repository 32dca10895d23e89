// Sums over labels; the baseline looks at the examples' own labels again.
#include "runtime/metrics/MultiLabel.h"

#include <algorithm>
#include <numeric>

namespace ftc::rt {

void LabelCounts::add(std::span<const float> truth, std::span<const std::uint8_t> prediction) {
  bool same = true;
  std::vector<bool> own(right.size());
  for (std::size_t label = 0; label < right.size(); ++label) {
    bool has = truth[label] > 0, says = prediction[label] != 0;
    own[label] = has;
    right[label] += has && says;
    predicted[label] += says;
    support[label] += has;
    same = same && has == says;
  }
  exact.push_back(same);
  truths.push_back(std::move(own));
}

double LabelCounts::accuracy() const {
  if (exact.empty())
    return 0;
  return static_cast<double>(std::count(exact.begin(), exact.end(), true)) /
         static_cast<double>(exact.size());
}

static std::int64_t sum(const std::vector<std::int64_t> &counts) {
  return std::accumulate(counts.begin(), counts.end(), std::int64_t(0));
}

double LabelCounts::microF1() const {
  return precisionRecallF1(sum(right), sum(predicted), sum(support)).f1;
}

double LabelCounts::macroF1() const {
  double total = 0;
  for (std::size_t id = 0; id < right.size(); ++id)
    total += label(static_cast<std::int64_t>(id)).f1;
  return right.empty() ? 0 : total / static_cast<double>(right.size());
}

MultiLabelBaseline LabelCounts::baseline() const {
  std::vector<bool> answer(support.size());
  std::int64_t hits = 0, answers = 0;
  for (std::size_t label = 0; label < support.size(); ++label) {
    answer[label] = 2 * support[label] > examples();
    hits += answer[label] ? support[label] : 0;
    answers += answer[label] ? examples() : 0;
  }
  MultiLabelBaseline reached;
  reached.f1 = precisionRecallF1(hits, answers, sum(support)).f1;
  if (!truths.empty())
    reached.accuracy = static_cast<double>(std::count(truths.begin(), truths.end(), answer)) /
                       static_cast<double>(truths.size());
  return reached;
}

} // namespace ftc::rt
