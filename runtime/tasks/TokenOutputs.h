// Outputs of token classification: a class for each token that wants one.
#pragma once

#include "runtime/metrics/SeqevalLenient.h"
#include "runtime/metrics/SeqevalStrict.h"
#include "runtime/tasks/Task.h"

namespace ftc::rt {

class TokenOutputs final : public TaskOutputs {
public:
  TokenOutputs(std::span<const Example> examples, const LabelSet &labels);

  Status add(std::span<const float> logits, std::int64_t classes,
             std::span<const OutputRow> rows) override;

  /// precision, recall, f1, accuracy (seqeval's default mode); baseline_f1 and
  /// baseline_accuracy (tagging every word "O", or the most frequent tag where there is no
  /// "O"); strict_precision, strict_recall, strict_f1 (mode strict, IOB2) where the labels
  /// allow them; then TYPE_precision, TYPE_recall, TYPE_f1, TYPE_number of each type.
  Result<Metrics> metrics() const override;
  Result<std::string> report() const override;
  void takeExampleLosses(std::vector<double> sums) override { losses = std::move(sums); }
  /// F1 a sentence, scores of every type, confusions of tags, and the sentences with wrong tags
  /// of highest loss.
  Result<Findings> findings(const DataTable &table, const TaskColumns &columns) const override;
  /// Words that no example covers (cut, or without a token) get "O", or the first label.
  Result<std::string> predictionLines(const DataTable &table,
                                      const TaskColumns &columns) const override;
  Result<std::string> predictionsText(const DataTable &table,
                                      const TaskColumns &columns) const override;

private:
  struct Counts;
  Status checkComplete() const;
  /// `sentences`, where it is given, takes (right, predicted, true) entities of each example.
  Result<Counts> count(std::vector<double> *sentences = nullptr) const;
  ShownExample show(std::size_t example, double value, const DataTable &table,
                    const TaskColumns &columns) const;
  /// Calls `take(row, labels of every word)` for each row that examples cover, in order.
  template <typename Take>
  Status eachRow(const DataTable &table, const TaskColumns &columns, Take take) const;

  std::span<const Example> examples;
  LabelSet labels;
  std::vector<std::int64_t> starts;    ///< [examples + 1]: first token of each example
  std::vector<std::int32_t> predicted; ///< [all tokens], -1 while missing
  std::vector<double> losses;          ///< [examples], or empty
};

} // namespace ftc::rt
