// AnswerSearch: the best answers of one question over its windows, as
// postprocess_qa_predictions of Hugging Face's run_qa finds them.
#pragma once

#include "runtime/tasks/Task.h"

namespace ftc::rt {

/// A possible answer: where it stands and how it scores.
struct AnswerCandidate {
  std::string text; ///< "" is no answer
  double startLogit = 0, endLogit = 0, probability = 0;
};

struct AnswerChoice {
  std::string text;                  ///< "" is no answer
  double probability = 0;            ///< of that answer among `best`
  double nullOdds = 0;               ///< version 2: score of no answer less the best answer's
  std::vector<AnswerCandidate> best; ///< from the best on
};

/// Takes the windows of one question, then chooses.
class AnswerSearch {
public:
  explicit AnswerSearch(const QuestionSettings &settings) : settings(settings) {}

  void clear();
  /// `logits` [tokens, 2] of a window whose tokens stand at `offsets` of the context, (-1, -1)
  /// outside it. Pairs of one of the n best starts and one of the n best ends are candidates if
  /// both are in the context, the end is not before the start, and the answer is short enough.
  /// Equal logits: the earlier token is better.
  void addWindow(std::span<const float> logits,
                 std::span<const std::pair<std::int32_t, std::int32_t>> offsets);
  /// The n best candidates over all windows; "empty" where there is none. Version 2: no answer
  /// is a candidate with the smallest score of the windows' first tokens, and is chosen if that
  /// score is more than the threshold above the best answer's.
  AnswerChoice choose(std::string_view context);

private:
  struct Span {
    std::int32_t begin = 0, end = 0; ///< code points
    float start = 0, stop = 0;       ///< logits
    float score = 0;                 ///< their sum
    std::int64_t order = 0;          ///< among equal scores
  };
  void bestTokens(std::span<const float> logits, std::size_t column,
                  std::vector<std::int32_t> &out) const;
  void keepBest();

  QuestionSettings settings;
  std::vector<Span> spans;
  std::int64_t nextOrder = 0;
  bool hasNull = false;
  Span null; ///< of the window whose first token scores least
  std::vector<std::int32_t> starts, ends;
};

} // namespace ftc::rt
