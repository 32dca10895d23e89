// Column lookup and typed cell access for tasks.
#include "runtime/tasks/Columns.h"

#include "runtime/support/Text.h"

namespace ftc::rt {

namespace {

std::string inColumn(const DataTable &table, int column) {
  return " in column " + quote(table.columns()[column], 40);
}

Status wrongKind(const DataTable &table, std::int64_t row, int column,
                 std::string_view expected) {
  return Status::error(table.whereCell(row, column) + ": expected " + std::string(expected) +
                       inColumn(table, column) + ", got " +
                       std::string(cellKindPhrase(table.kind(row, column))));
}

} // namespace

std::string listNames(std::span<const std::string> names) {
  constexpr std::size_t kShown = 8, kBytes = 24;
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kShown; ++i)
    text += (i ? ", " : "") + quote(names[i], kBytes);
  if (names.size() > kShown)
    text += " and " + std::to_string(names.size() - kShown) + " more";
  return text.empty() ? "none" : text;
}

Result<int> findFlaggedColumn(const DataTable &table, std::string_view flag,
                              const std::string &name) {
  if (std::optional<int> column = table.findColumn(name))
    return *column;
  return missingColumn(table, quote(name, 40) + " (" + std::string(flag) + ")");
}

Status missingColumn(const DataTable &table, std::string_view expected) {
  std::string hint = table.untyped() ? "; the first line must be the header" : "";
  if (table.findColumn("tokens") && table.untyped())
    hint = "";
  return Status::error(escape(table.path(), 120) + ": expected a column " +
                       std::string(expected) + ", got the columns " +
                       listNames(table.columns()) + hint);
}

Result<std::string_view> readText(const DataTable &table, std::int64_t row, int column) {
  if (table.kind(row, column) != CellKind::Text)
    return wrongKind(table, row, column, "a string");
  return table.text(row, column);
}

Result<std::string_view> readLabel(const DataTable &table, std::int64_t row, int column) {
  CellKind kind = table.kind(row, column);
  if (kind == CellKind::Real)
    return Status::error(table.where(row) + ": expected a string or a whole number as label" +
                         inColumn(table, column) + ", got the real number " +
                         quote(table.text(row, column), 30) + ": regression is not supported");
  if (kind != CellKind::Text && kind != CellKind::Integer && kind != CellKind::Boolean)
    return wrongKind(table, row, column, "a string or a whole number as label");
  std::string_view label = table.text(row, column);
  if (label.empty())
    return Status::error(table.where(row) + ": expected a label" + inColumn(table, column) +
                         ", got an empty one; give it a label or remove the row");
  return label;
}

Status checkList(const DataTable &table, std::int64_t row, int column, bool integers) {
  CellKind kind = table.kind(row, column);
  if (kind == CellKind::TextList || (integers && kind == CellKind::IntegerList))
    return {};
  return wrongKind(table, row, column,
                   integers ? "a list of strings or of whole numbers" : "a list of strings");
}

} // namespace ftc::rt
