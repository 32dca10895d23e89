// Outputs of question answering: scores to begin and to end the answer for each token.
#pragma once

#include "runtime/tasks/AnswerSearch.h"
#include "runtime/tasks/Task.h"

namespace ftc::rt {

class QuestionOutputs final : public TaskOutputs {
public:
  explicit QuestionOutputs(const OutputSource &source);

  Status add(std::span<const float> logits, std::int64_t classes,
             std::span<const OutputRow> rows) override;

  /// SquadScores' metrics over the questions, in 0-100, and the baseline's: always answering
  /// with the most frequent gold answer, or, in version 2, with none.
  Result<Metrics> metrics() const override;
  Result<std::string> report() const override;
  /// F1 a question, over the lengths of context and answer, and the answers of lowest F1.
  Result<Findings> findings(const DataTable &table, const TaskColumns &columns) const override;
  /// id, answer, score (the answer's probability among the n best) of each question.
  Result<std::string> predictionLines(const DataTable &table,
                                      const TaskColumns &columns) const override;
  Result<std::string> predictionsText(const DataTable &table,
                                      const TaskColumns &columns) const override;
  /// predictions.json, nbest_predictions.json and, in version 2, null_odds.json, as Hugging
  /// Face's run_qa writes them; Task::checkTable has seen to it that each id is there once.
  Result<std::vector<TaskFile>> files() const override;

private:
  struct Scored;
  Status checkComplete() const;
  /// Calls take(row, choice) for each question, in order.
  template <typename Take> Status eachQuestion(Take take) const;
  Result<Scored> score() const;

  std::span<const Example> examples;
  const DataTable &table;
  TaskColumns columns;
  QuestionSettings settings;
  std::vector<std::int64_t> starts; ///< [examples + 1]: first token of each example
  std::vector<float> logits;        ///< [all tokens, 2], NaN while missing
};

} // namespace ftc::rt
