// Exact match and F1 of extractive answers, as SQuAD's official scripts (versions 1.1 and 2.0)
// define them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ftc::rt {

/// Lower case, ASCII punctuation dropped, the words a, an and the dropped, white space made
/// single spaces.
std::string normalizeAnswer(std::string_view text);

struct AnswerScore {
  double exact = 0; ///< 0 or 1
  double f1 = 0;    ///< of the bags of words
};

/// The largest of each score over `golds`. Version 2 drops golds that normalize to nothing; an
/// unanswerable question has the gold "", and where a side is empty F1 is equality. Version 1
/// scores 0 without golds.
AnswerScore scoreAnswer(std::string_view prediction, std::span<const std::string> golds,
                        bool version2);

/// Scores of a whole data set, one answer after the other.
class SquadScores {
public:
  explicit SquadScores(bool version2) : version2(version2) {}

  void add(std::string_view prediction, std::span<const std::string> golds);

  /// Version 1: exact_match, f1. Version 2: exact, f1, total, HasAns_exact, HasAns_f1,
  /// HasAns_total, NoAns_… (where there are such questions), and best_exact, best_exact_thresh,
  /// best_f1, best_f1_thresh for equal no-answer probabilities, which Hugging Face's run_qa
  /// gives. Scores are 0-100.
  std::vector<std::pair<std::string, double>> metrics() const;

private:
  struct Sums {
    double exact = 0, f1 = 0;
    std::int64_t count = 0;
    void add(const AnswerScore &score);
  };
  /// The best sum of scores when the first answers alone are given and the rest are "".
  struct Best {
    double current = 0, best = 0;
    void add(bool answerable, bool empty, double score);
  };

  bool version2;
  Sums all, answerable, unanswerable;
  Best bestExact, bestF1;
};

} // namespace ftc::rt
