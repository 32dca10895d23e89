// Text classification: a text or a pair of sentences, and one class.
#include "runtime/tasks/Columns.h"
#include "runtime/tasks/LabelCollector.h"
#include "runtime/tasks/TaskRegistry.h"
#include "runtime/tasks/TextOutputs.h"

namespace ftc::rt {

namespace {

class TextClassification final : public Task {
public:
  std::string_view name() const override { return "text-classification"; }
  LabelPlacement labelPlacement() const override { return LabelPlacement::Sequence; }
  bool needsPrefixSpace() const override { return false; }

  Result<TaskColumns> findColumns(const DataTable &table, const ColumnFlags &flags,
                                  bool needLabels) const override {
    TaskColumns columns;
    FTC_RETURN_IF_ERROR(findInputs(table, flags, columns));
    if (!flags.labelColumnName.empty()) {
      FTC_ASSIGN_OR_RETURN(columns.label, findFlaggedColumn(table, "--label_column_name",
                                                            flags.labelColumnName));
    } else {
      columns.label = table.findColumn("label").value_or(-1);
      if (columns.label < 0 && needLabels)
        return missingColumn(table, "'label' (or name one with --label_column_name)");
    }
    return columns;
  }

  Result<LabelSet> collectLabels(const DataTable &table, const TaskColumns &columns,
                                 std::span<const std::string>) const override {
    LabelCollector collector(table.untyped());
    for (std::int64_t row = 0; row < table.rows(); ++row) {
      FTC_ASSIGN_OR_RETURN(std::string_view label, readLabel(table, row, columns.label));
      collector.add(label, table.kind(row, columns.label) == CellKind::Integer);
    }
    return collector.finish(table, columns.label);
  }

  Result<LabelSet> labelsFromNames(std::vector<std::string> names,
                                   std::span<const std::string>) const override {
    return orderNamedLabels(std::move(names));
  }

  Result<Example> encode(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                         const LabelSet &labels, const Tokenizer &tokenizer,
                         const EncodeSettings &settings) const override {
    EncodeOptions options;
    options.maxLength = settings.maxSeqLength;
    FTC_ASSIGN_OR_RETURN(std::string_view text, readText(table, row, columns.text));
    std::string_view pair;
    if (columns.pair >= 0) {
      FTC_ASSIGN_OR_RETURN(pair, readText(table, row, columns.pair));
    }
    Result<Encoding> encoding = columns.pair >= 0 ? tokenizer.encodePair(text, pair, options)
                                                  : tokenizer.encode(text, options);
    if (!encoding)
      return encoding.takeStatus().withContext(table.where(row));
    Example example;
    example.ids = std::move(encoding->ids);
    example.typeIds = std::move(encoding->typeIds);
    example.truncated = encoding->truncated;
    example.row = row;
    example.line = table.line(row);
    std::int32_t id = 0;
    if (columns.label >= 0) {
      FTC_ASSIGN_OR_RETURN(std::string_view label, readLabel(table, row, columns.label));
      id = labels.find(label);
      if (id < 0)
        return unknownLabel(table, row, 0, label, labels);
    }
    example.labels.assign(1, id);
    return example;
  }

  Status encodeForPrediction(const DataTable &table, std::int64_t row,
                             const TaskColumns &columns, const Tokenizer &tokenizer,
                             const EncodeSettings &settings,
                             std::vector<Example> &out) const override {
    TaskColumns inputs = columns;
    inputs.label = -1;
    FTC_ASSIGN_OR_RETURN(Example example,
                         encode(table, row, inputs, LabelSet(), tokenizer, settings));
    out.push_back(std::move(example));
    return {};
  }

  std::unique_ptr<TaskOutputs> makeOutputs(const OutputSource &source) const override {
    return std::make_unique<TextOutputs>(source.examples, source.labels);
  }

  std::string describeLabels(const DataTable &, const TaskColumns &,
                             const LabelSet &) const override {
    return {};
  }

  std::int32_t stratum(const Example &example, const LabelSet &) const override {
    return example.labels[0];
  }

private:
  static Status findInputs(const DataTable &table, const ColumnFlags &flags,
                           TaskColumns &columns) {
    if (!flags.textColumnName.empty() && !flags.sentence1Key.empty())
      return Status::usage("--text_column_name and --sentence1_key name the same input: "
                           "expected one of them, got both");
    if (!flags.textColumnName.empty()) {
      FTC_ASSIGN_OR_RETURN(columns.text, findFlaggedColumn(table, "--text_column_name",
                                                           flags.textColumnName));
    } else if (!flags.sentence1Key.empty()) {
      FTC_ASSIGN_OR_RETURN(columns.text,
                           findFlaggedColumn(table, "--sentence1_key", flags.sentence1Key));
    } else {
      columns.text = table.findColumn("text").value_or(-1);
      if (columns.text < 0) {
        columns.text = table.findColumn("sentence1").value_or(-1);
        columns.pair = table.findColumn("sentence2").value_or(-1);
      }
      if (columns.text < 0)
        return missingColumn(table, "'text' or 'sentence1' (or name one with "
                                    "--text_column_name or --sentence1_key)");
    }
    if (!flags.sentence2Key.empty()) {
      FTC_ASSIGN_OR_RETURN(columns.pair,
                           findFlaggedColumn(table, "--sentence2_key", flags.sentence2Key));
    }
    return {};
  }
};

} // namespace

const Task *textClassificationTask() {
  static const TextClassification task;
  return &task;
}

} // namespace ftc::rt
