// Text classification: a text or a pair of sentences, and one class.
#include "runtime/tasks/Columns.h"
#include "runtime/tasks/LabelCollector.h"
#include "runtime/tasks/TaskRegistry.h"
#include "runtime/tasks/TextOutputs.h"
#include "runtime/tasks/TextTask.h"

namespace ftc::rt {

namespace {

class TextClassification final : public TextTask {
public:
  std::string_view problemType() const override { return kSingleLabel; }

  Result<LabelSet> collectLabels(const DataTable &table, const TaskColumns &columns,
                                 std::span<const std::string>) const override {
    LabelCollector collector(table.untyped());
    for (std::int64_t row = 0; row < table.rows(); ++row) {
      FTC_ASSIGN_OR_RETURN(std::string_view label, readLabel(table, row, columns.label));
      collector.add(label, isWholeCell(table, row, columns.label));
    }
    return collector.finish(table, columns.label);
  }

  Status checkRow(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                  const EncodeSettings &) const override {
    FTC_RETURN_IF_ERROR(checkInputs(table, row, columns));
    return columns.label < 0 ? Status::ok() : readLabel(table, row, columns.label).takeStatus();
  }

  Status readRowLabels(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                       RowLabels &out) const override {
    FTC_ASSIGN_OR_RETURN(std::string_view label, readLabel(table, row, columns.label));
    out.names.assign(1, std::string(label));
    out.integers = isWholeCell(table, row, columns.label);
    return {};
  }

  Result<LabelSet> labelsFromNames(std::vector<std::string> names,
                                   std::span<const std::string>) const override {
    return orderNamedLabels(std::move(names));
  }

  Result<Example> encode(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                         const LabelSet &labels, const Tokenizer &tokenizer,
                         const EncodeSettings &settings) const override {
    FTC_ASSIGN_OR_RETURN(Example example, encodeText(table, row, columns, tokenizer, settings));
    if (columns.label < 0)
      return example;
    FTC_ASSIGN_OR_RETURN(std::string_view label, readLabel(table, row, columns.label));
    example.labels[0] = labels.find(label);
    if (example.labels[0] < 0)
      return unknownLabel(table, row, 0, label, labels);
    return example;
  }

  bool knowsLabels(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                   const LabelSet &labels) const override {
    if (columns.label < 0)
      return true;
    Result<std::string_view> label = readLabel(table, row, columns.label);
    return label && labels.find(*label) >= 0;
  }

  std::unique_ptr<TaskOutputs> makeOutputs(const OutputSource &source) const override {
    return std::make_unique<TextOutputs>(source.examples, source.labels);
  }

  std::optional<std::int32_t> stratumOfRow(const DataTable &table, std::int64_t row,
                                           const TaskColumns &columns,
                                           const LabelSet &labels) const override {
    return labels.find(table.text(row, columns.label));
  }
};

} // namespace

const Task *textClassificationTask() {
  static const TextClassification task;
  return &task;
}

} // namespace ftc::rt
