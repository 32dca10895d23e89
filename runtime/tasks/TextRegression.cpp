// Regression of texts: a text or a pair of sentences, and a number.
#include "runtime/tasks/Columns.h"
#include "runtime/tasks/RegressionOutputs.h"
#include "runtime/tasks/TextTask.h"

namespace ftc::rt {

namespace {

class TextRegression final : public TextTask {
public:
  std::string_view problemType() const override { return kRegression; }
  bool hasLabelSet() const override { return false; }
  std::int64_t outputWidth(const LabelSet &) const override { return 1; }
  std::int64_t targetWidth(const LabelSet &) const override { return 1; }

  Result<LabelSet> collectLabels(const DataTable &, const TaskColumns &,
                                 std::span<const std::string>) const override {
    return LabelSet();
  }

  Result<LabelSet> labelsFromNames(std::vector<std::string>,
                                   std::span<const std::string>) const override {
    return Status::usage("--labels: a regression has no labels");
  }

  Result<Example> encode(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                         const LabelSet &, const Tokenizer &tokenizer,
                         const EncodeSettings &settings) const override {
    FTC_ASSIGN_OR_RETURN(Example example, encodeText(table, row, columns, tokenizer, settings));
    if (columns.label >= 0) {
      FTC_ASSIGN_OR_RETURN(float value, readNumber(table, row, columns.label));
      example.targets.assign(1, value);
    }
    return example;
  }

  Status checkRow(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                  const EncodeSettings &) const override {
    FTC_RETURN_IF_ERROR(checkInputs(table, row, columns));
    return columns.label < 0 ? Status::ok()
                             : readNumber(table, row, columns.label).takeStatus();
  }

  std::unique_ptr<TaskOutputs> makeOutputs(const OutputSource &source) const override {
    return std::make_unique<RegressionOutputs>(source.examples);
  }
};

} // namespace

const Task *textRegressionTask() {
  static const TextRegression task;
  return &task;
}

} // namespace ftc::rt
