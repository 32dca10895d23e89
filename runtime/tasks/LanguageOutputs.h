// Outputs of language models trained on the loss alone: perplexity, and the texts they write.
#pragma once

#include "runtime/tasks/Task.h"

namespace ftc::rt {

/// Takes no logits: the program's row losses are all there is.
class LanguageOutputs final : public TaskOutputs {
public:
  explicit LanguageOutputs(std::span<const Example> examples = {}) : examples(examples) {}

  Status add(std::span<const float> logits, std::int64_t classes,
             std::span<const OutputRow> rows) override;
  void takeLoss(double sum, std::int64_t counted) override;
  void takeTexts(std::vector<WrittenText> written, bool show) override {
    texts = std::move(written);
    showIds = show;
  }
  /// perplexity: exp of the mean loss a token, infinite where that overflows (as Hugging Face's
  /// run_clm), absent where no token counts; tokens: how many counted.
  Result<Metrics> metrics() const override;
  Result<std::string> report() const override;
  void takeExampleLosses(std::vector<double> sums) override { losses = std::move(sums); }
  /// Perplexity, the mean loss of texts over their length, and the texts of highest loss.
  Result<Findings> findings(const DataTable &table, const TaskColumns &columns) const override;
  Result<std::string> predictionLines(const DataTable &table,
                                      const TaskColumns &columns) const override;
  /// generated_predictions.txt (TextLines.h).
  Result<std::string> predictionsText(const DataTable &table,
                                      const TaskColumns &columns) const override;

private:
  std::span<const Example> examples;
  std::vector<double> losses; ///< [examples], or empty
  std::vector<WrittenText> texts;
  bool showIds = false;
  double lossSum = 0;
  std::int64_t counted = 0;
};

} // namespace ftc::rt
