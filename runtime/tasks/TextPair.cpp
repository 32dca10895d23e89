// Columns and checks of rows that have a source and a target.
#include "runtime/tasks/TextPair.h"

#include "runtime/tasks/Columns.h"

namespace ftc::rt {

Result<TaskColumns> TextPairTask::findColumns(const DataTable &table, const ColumnFlags &flags,
                                              bool needLabels) const {
  FTC_ASSIGN_OR_RETURN(PairColumns pair, findPair(table, flags, needLabels));
  TaskColumns columns;
  columns.text = pair.source;
  columns.label = pair.target;
  return columns;
}

Result<LabelSet> TextPairTask::labelsFromNames(std::vector<std::string>,
                                               std::span<const std::string>) const {
  return Status::usage("--labels: " + std::string(name()) + " has no labels");
}

Status TextPairTask::checkRow(const DataTable &table, std::int64_t row,
                              const TaskColumns &columns, const EncodeSettings &) const {
  for (int column : {columns.text, columns.label})
    if (column >= 0)
      if (Result<std::string_view> text = readText(table, row, column); !text)
        return text.takeStatus();
  return {};
}

} // namespace ftc::rt
