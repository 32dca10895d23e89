// Column lookup and typed cell access for tasks.
#include "runtime/tasks/Columns.h"

#include "runtime/io/Json.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace ftc::rt {

namespace {

std::string inColumn(const DataTable &table, int column) {
  return " in " + table.describeColumn(column);
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
  std::string got = "the columns " + listNames(table.columns());
  if (!table.namesColumns())
    got = table.columns().size() == 1
              ? "the one column of a CoNLL file"
              : "those of a CoNLL file, 'tokens' (the first) and 'ner_tags' (the last)";
  else if (table.untyped())
    got += "; the first line must be the header";
  return Status::error(escape(table.path(), 120) + ": expected a column " +
                       std::string(expected) + ", got " + got);
}

Result<std::string_view> readText(const DataTable &table, std::int64_t row, int column) {
  if (table.kind(row, column) != CellKind::Text)
    return wrongKind(table, row, column, "a string");
  return table.text(row, column);
}

Result<std::string_view> readLabel(const DataTable &table, std::int64_t row, int column) {
  CellKind kind = table.kind(row, column);
  bool whole = isWholeCell(table, row, column);
  if (kind == CellKind::Real && !whole)
    return Status::error(table.where(row) + ": expected a string or a whole number as label" +
                         inColumn(table, column) + ", got the real number " +
                         quote(table.text(row, column), 30) +
                         ": the artifact was compiled for classes");
  if (kind != CellKind::Text && !whole && kind != CellKind::Boolean)
    return wrongKind(table, row, column, "a string or a whole number as label");
  std::string_view label = table.text(row, column);
  if (label.empty())
    return Status::error(table.where(row) + ": expected a label" + inColumn(table, column) +
                         ", got an empty one; give it a label or remove the row");
  return label;
}

bool isNumberText(std::string_view text) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool digits = text.find_first_of("0123456789") != std::string_view::npos;
  return error == std::errc() && digits && end == text.data() + text.size();
}

bool isRealText(std::string_view text) {
  return isNumberText(text) && text.find_first_of(".eE") != std::string_view::npos;
}

bool isWholeText(std::string_view text) {
  bool negative = text.starts_with('-');
  std::string_view digits = text.substr(negative ? 1 : 0);
  bool plain = digits == "0" ? !negative : !digits.empty() && digits.front() != '0';
  return plain && digits.find_first_not_of("0123456789") == std::string_view::npos;
}

bool isWholeCell(const DataTable &table, std::int64_t row, int column) {
  CellKind kind = table.kind(row, column);
  return kind == CellKind::Integer ||
         (kind == CellKind::Real && isWholeText(table.text(row, column)));
}

bool isNotANumber(std::string_view text) {
  return text.size() == 3 && (text[0] | 32) == 'n' && (text[1] | 32) == 'a' &&
         (text[2] | 32) == 'n';
}

bool isListText(std::string_view text) {
  if (!text.starts_with('[') || !text.ends_with(']'))
    return false;
  Result<Json> list = parseJson(text, "label");
  return list && list->is_array() &&
         std::all_of(list->begin(), list->end(), [](const Json &item) {
           return item.is_string() || item.is_number_integer();
         });
}

Result<float> readNumber(const DataTable &table, std::int64_t row, int column) {
  CellKind kind = table.kind(row, column);
  bool number = kind == CellKind::Integer || kind == CellKind::Real;
  if (!number && !(table.untyped() && kind == CellKind::Text))
    return wrongKind(table, row, column, "a number as label");
  std::string_view text = table.text(row, column);
  double value = 0;
  if (isNumberText(text))
    std::from_chars(text.data(), text.data() + text.size(), value);
  if (!isNumberText(text) || std::abs(value) > double(std::numeric_limits<float>::max()))
    return Status::error(table.where(row) + ": expected a finite number as label" +
                         inColumn(table, column) + ", got " + quote(text, 30));
  return static_cast<float>(value);
}

Status checkList(const DataTable &table, std::int64_t row, int column, bool integers) {
  CellKind kind = table.kind(row, column);
  if (kind == CellKind::TextList || (integers && kind == CellKind::IntegerList))
    return {};
  return wrongKind(table, row, column,
                   integers ? "a list of strings or of whole numbers" : "a list of strings");
}

} // namespace ftc::rt
