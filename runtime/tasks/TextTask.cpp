// Columns, encoding and the choice among text classification's problems.
#include "runtime/tasks/TextTask.h"

#include "runtime/support/Text.h"
#include "runtime/tasks/Columns.h"
#include "runtime/tasks/TaskRegistry.h"

#include <algorithm>

namespace ftc::rt {

namespace {

Status findInputs(const DataTable &table, const ColumnFlags &flags, TaskColumns &columns) {
  if (!flags.textColumnName.empty() && !flags.sentence1Key.empty())
    return Status::usage("--text_column_name and --sentence1_key name the same input: "
                         "expected one of them, got both");
  if (!flags.textColumnName.empty()) {
    FTC_ASSIGN_OR_RETURN(columns.text,
                         findFlaggedColumn(table, "--text_column_name", flags.textColumnName));
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

/// The columns of a comma-separated list.
Status findIndicators(const DataTable &table, std::string_view list, TaskColumns &columns) {
  for (std::size_t begin = 0; begin <= list.size();) {
    std::size_t end = std::min(list.find(',', begin), list.size());
    std::string name(list.substr(begin, end - begin));
    FTC_ASSIGN_OR_RETURN(int column, findFlaggedColumn(table, "--label_column_name", name));
    if (std::find(columns.indicators.begin(), columns.indicators.end(), column) !=
        columns.indicators.end())
      return Status::usage("--label_column_name: expected each column once, got " +
                           quote(name, 40) + " twice");
    columns.indicators.push_back(column);
    begin = end + 1;
  }
  columns.label = columns.indicators[0];
  return {};
}

} // namespace

const Task *TextTask::forProblem(std::string_view problemType) const {
  if (problemType == kMultiLabel)
    return multiLabelTask();
  return problemType == kRegression ? textRegressionTask() : textClassificationTask();
}

Result<TaskColumns> TextTask::findColumns(const DataTable &table, const ColumnFlags &flags,
                                          bool needLabels) const {
  TaskColumns columns;
  FTC_RETURN_IF_ERROR(findInputs(table, flags, columns));
  bool several = flags.labelColumnName.find(',') != std::string::npos &&
                 !table.findColumn(flags.labelColumnName);
  if (several) {
    FTC_RETURN_IF_ERROR(findIndicators(table, flags.labelColumnName, columns));
  } else if (!flags.labelColumnName.empty()) {
    FTC_ASSIGN_OR_RETURN(
        columns.label, findFlaggedColumn(table, "--label_column_name", flags.labelColumnName));
  } else {
    columns.label = table.findColumn("label").value_or(-1);
    if (columns.label < 0 && needLabels)
      return missingColumn(table, "'label' (or name one with --label_column_name)");
  }
  if (several && !flags.labelDelimiter.empty())
    return Status::usage("--label_delimiter: --label_column_name names several columns of 0 and 1, "
                         "which nothing splits; expected one of them");
  columns.labelDelimiter = flags.labelDelimiter;
  columns.regression = flags.regression;
  return columns;
}

Status TextTask::checkInputs(const DataTable &table, std::int64_t row,
                             const TaskColumns &columns) {
  for (int column : {columns.text, columns.pair})
    if (column >= 0)
      if (Result<std::string_view> text = readText(table, row, column); !text)
        return text.takeStatus();
  return {};
}

Result<Example> TextTask::encodeText(const DataTable &table, std::int64_t row,
                                     const TaskColumns &columns, const Tokenizer &tokenizer,
                                     const EncodeSettings &settings) {
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
  example.labels.assign(1, 0);
  return example;
}

Status TextTask::encodeForPrediction(const DataTable &table, std::int64_t row,
                                     const TaskColumns &columns, const Tokenizer &tokenizer,
                                     const EncodeSettings &settings,
                                     std::vector<Example> &out) const {
  TaskColumns inputs = columns;
  inputs.label = -1;
  FTC_ASSIGN_OR_RETURN(Example example,
                       encode(table, row, inputs, LabelSet(), tokenizer, settings));
  out.push_back(std::move(example));
  return {};
}

} // namespace ftc::rt
