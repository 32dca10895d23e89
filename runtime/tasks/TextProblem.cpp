// Which of text classification's problems a column of labels is, and the odd cells in it: one
// mistyped label among thousands must not turn values into classes, or classes into values.
#include "runtime/support/Text.h"
#include "runtime/tasks/Columns.h"
#include "runtime/tasks/TaskRegistry.h"
#include "runtime/tasks/TextTask.h"

#include <array>

namespace ftc::rt {

namespace {

/// Whole numbers that make a single real number among them look like a mistake.
constexpr std::int64_t kWholePerReal = 20;

enum class LabelKind { Missing, Whole, Real, List, Text };
constexpr std::size_t kKinds = 5;

LabelKind kindOf(const DataTable &table, std::int64_t row, int column) {
  std::string_view text = table.text(row, column);
  switch (table.kind(row, column)) {
  case CellKind::TextList:
  case CellKind::IntegerList:
    return LabelKind::List;
  case CellKind::Integer:
    return LabelKind::Whole;
  case CellKind::Real: // a whole one is above 64 bits
    return isWholeText(text) ? LabelKind::Whole : LabelKind::Real;
  case CellKind::Missing:
    return LabelKind::Missing;
  default:
    break;
  }
  // What is missing is for the task itself to refuse, with its line.
  if (text.empty() || isNotANumber(text))
    return LabelKind::Missing;
  if (!table.untyped())
    return LabelKind::Text;
  if (isNumberText(text))
    return isRealText(text) ? LabelKind::Real : LabelKind::Whole;
  return isListText(text) ? LabelKind::List : LabelKind::Text;
}

/// How many cells of each kind a column has, and of each the first rows.
struct Census {
  std::array<std::int64_t, kKinds> counts{};
  std::array<std::vector<std::int64_t>, kKinds> examples;

  std::int64_t of(LabelKind kind) const { return counts[static_cast<std::size_t>(kind)]; }
  std::int64_t first(LabelKind kind) const {
    return examples[static_cast<std::size_t>(kind)].front();
  }
};

Census countKinds(const DataTable &table, int column) {
  constexpr std::size_t kShown = 2;
  Census census;
  for (std::int64_t row = 0; row < table.rows(); ++row) {
    auto kind = static_cast<std::size_t>(kindOf(table, row, column));
    ++census.counts[kind];
    if (census.examples[kind].size() < kShown)
      census.examples[kind].push_back(row);
  }
  return census;
}

/// The problem that most cells are.
const Task *taskOf(const Census &census) {
  using enum LabelKind;
  std::int64_t numbers = census.of(Whole) + census.of(Real);
  if (census.of(List) > 0 && census.of(List) >= numbers + census.of(Text))
    return multiLabelTask();
  bool fewReals = census.of(Text) == 0 && census.of(Whole) >= kWholePerReal * census.of(Real);
  bool values = census.of(Real) > 0 && census.of(Text) < numbers && !fewReals;
  return values ? textRegressionTask() : textClassificationTask();
}

std::string shownLabel(const DataTable &table, std::int64_t row, int column) {
  std::vector<std::string> items;
  table.list(row, column, items);
  std::string_view text = table.text(row, column);
  return text.empty() && table.kind(row, column) != CellKind::Text
             ? "a list of " + std::to_string(items.size())
             : quote(text, 30);
}

/// "FILE: line N: expected WANTED … like the other M rows ('a', 'b'), got 'c'; ADVICE".
Status oddLabel(const DataTable &table, int column, const Census &census, LabelKind odd,
                std::initializer_list<LabelKind> usual, std::string_view wanted,
                std::string_view advice) {
  std::int64_t row = census.first(odd), others = 0;
  std::string shown;
  for (LabelKind kind : usual) {
    others += census.of(kind);
    for (std::int64_t example : census.examples[static_cast<std::size_t>(kind)])
      shown += (shown.empty() ? "" : ", ") + shownLabel(table, example, column);
  }
  return Status::error(table.where(row) + ": expected " + std::string(wanted) +
                       " as label in " + table.describeColumn(column) +
                       ", as in " + std::to_string(others) + " other rows (" + shown +
                       "), got " + shownLabel(table, row, column) + "; mend it, or " +
                       std::string(advice));
}

} // namespace

Result<const Task *> TextTask::forData(const DataTable &table,
                                       const TaskColumns &columns) const {
  bool several = !columns.labelDelimiter.empty() || !columns.indicators.empty();
  if (several && columns.regression.value_or(false))
    return Status::usage(
        "--do_regression: the labels are several a text; expected one number");
  if (several || columns.regression || columns.label < 0)
    return forMostRows(table, columns);
  using enum LabelKind;
  Census census = countKinds(table, columns.label);
  std::int64_t numbers = census.of(Whole) + census.of(Real), lists = census.of(List);
  std::int64_t others = numbers + census.of(Text);
  LabelKind single = census.of(Text) ? Text : census.of(Real) ? Real : Whole;
  if (lists > 0 && lists >= others && others > 0)
    return oddLabel(table, columns.label, census, single, {List}, "a list of labels",
                    "make it a list of one");
  if (lists > 0 && lists < others)
    return oddLabel(table, columns.label, census, List, {Text, Whole, Real}, "one label",
                    "make every label a list, for several labels a text");
  if (census.of(Real) > 0 && census.of(Text) > 0 && census.of(Text) < numbers)
    return oddLabel(table, columns.label, census, Text, {Real, Whole}, "a number",
                    "give --do_regression false for classes");
  if (census.of(Real) > 0 && census.of(Text) == 0 &&
      census.of(Whole) >= kWholePerReal * census.of(Real))
    return oddLabel(table, columns.label, census, Real, {Whole}, "a whole number",
                    "give --do_regression true if these are values and no classes");
  return taskOf(census);
}

const Task *TextTask::forMostRows(const DataTable &table, const TaskColumns &columns) const {
  if (!columns.labelDelimiter.empty() || !columns.indicators.empty())
    return multiLabelTask();
  if (columns.regression)
    return *columns.regression ? textRegressionTask() : textClassificationTask();
  return columns.label < 0 ? textClassificationTask()
                           : taskOf(countKinds(table, columns.label));
}

} // namespace ftc::rt
