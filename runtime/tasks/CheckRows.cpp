// Rows by themselves: what the task refuses of each, and what is empty, equal or out of scheme.
#include "runtime/metrics/PythonSpace.h"
#include "runtime/support/Text.h"
#include "runtime/tasks/Answers.h"
#include "runtime/tasks/CheckFindings.h"
#include "runtime/tasks/RowKeys.h"
#include "runtime/tasks/TagScheme.h"

#include <array>

namespace ftc::rt {

namespace {

/// A kind of row that the task refuses, and how people call it.
struct RefusedKind {
  std::string_view kind, what;
};

bool missing(const DataTable &table, std::int64_t row, int column) {
  return column >= 0 && table.kind(row, column) == CellKind::Missing;
}

RefusedKind kindOfRefused(const Task &task, const DataTable &table, std::int64_t row,
                          const TaskColumns &columns) {
  for (int column : {columns.text, columns.pair})
    if (missing(table, row, column))
      return {"missing-field", "rows without a text"};
  auto is = [&](int column, CellKind kind) { return table.kind(row, column) == kind; };
  switch (task.labelPlacement()) {
  case LabelPlacement::Token:
    if (columns.chat)
      return {"bad-messages", "rows whose messages cannot be learnt from"};
    if (!task.hasLabelSet())
      break;
    if (missing(table, row, columns.label))
      return {"missing-label", "rows without labels"};
    if (is(columns.text, CellKind::TextList) &&
        (is(columns.label, CellKind::TextList) || is(columns.label, CellKind::IntegerList)))
      return {"mismatched-tags", "rows without exactly one tag a word"};
    break;
  case LabelPlacement::Span:
    if (is(columns.text, CellKind::Text) && is(columns.pair, CellKind::Text))
      return {"bad-answer",
              "questions whose answers are missing or do not stand where they say"};
    break;
  default:
    if (missing(table, row, columns.label) ||
        (is(columns.label, CellKind::Text) && table.text(row, columns.label).empty()))
      return {task.hasTargetText() ? "missing-field" : "missing-label",
              task.hasTargetText() ? "rows without a text" : "rows without a label"};
    break;
  }
  return {"wrong-type", "rows with a value of another type than the task reads"};
}

bool blank(std::string_view text) { return stripSpace(text).empty(); }

/// Whether the cell holds nothing to read: blanks, or no word.
bool blankCell(const DataTable &table, std::int64_t row, int column) {
  switch (table.kind(row, column)) {
  case CellKind::Text:
    return blank(table.text(row, column));
  case CellKind::TextList:
    return table.listSize(row, column) == 0;
  default:
    return false;
  }
}

class RowCheck {
public:
  RowCheck(const Task &task, CheckedFile &file, FindingList &findings)
      : task(task), file(file), findings(findings) {}

  /// Whether no earlier row of the file has what only one may have.
  bool checkAlone(std::int64_t row) {
    if (!question)
      return true;
    std::optional<std::int64_t> other = ids.take(file.table, row, file.columns);
    if (other)
      findings.addRow(Severity::Refused, "duplicate-id", "questions whose id another one has",
                      file, row,
                      "the id " + quote(questionId(file.table, row, file.columns), 60) +
                          " stands in " + std::string(file.table.unit()) + " " +
                          std::to_string(file.table.line(*other)) + " too");
    return !other;
  }

  void checkUsable(std::int64_t row) {
    const DataTable &table = file.table;
    const TaskColumns &columns = file.columns;
    if (blankCell(table, row, columns.text))
      warn(row, "empty-input",
           question ? "questions that are empty" : "rows with an empty text",
           "the text is empty");
    if (columns.pair >= 0 && columns.pair != columns.label &&
        blankCell(table, row, columns.pair))
      warn(row, question ? "empty-context" : "empty-pair",
           question ? "questions with an empty context" : "rows with an empty second text",
           "the text is empty");
    bool writes = task.hasTargetText() || (task.generates() && columns.pair >= 0);
    if (writes && columns.label >= 0) {
      if (blankCell(table, row, columns.label))
        warn(row, "empty-target", "rows with nothing to write", "the target is empty");
      else if (stripSpace(table.text(row, columns.text)) ==
               stripSpace(table.text(row, columns.label)))
        warn(row, "equal-target", "rows whose target is their source",
             "both are " + inputExcerpt(table, row, columns, 60));
    }
    if (question && columns.label >= 0)
      if (Result<Answers> answers = readAnswers(table, row, columns);
          answers && answers->size() == 0)
        ++file.rowsWithoutLabel;
  }

private:
  void warn(std::int64_t row, std::string_view kind, std::string_view what, std::string text) {
    findings.addRow(Severity::Warning, kind, what, file, row, std::move(text));
  }

  const Task &task;
  CheckedFile &file;
  FindingList &findings;
  bool question = task.labelPlacement() == LabelPlacement::Span;
  QuestionIds ids;
};

} // namespace

void checkEachRow(const DataCheckOptions &options, const Task &task, CheckedFile &file,
                  FindingList &findings) {
  RowCheck check(task, file, findings);
  for (std::int64_t row = 0; row < file.table.rows(); ++row) {
    Status taken = task.checkRow(file.table, row, file.columns, options.encode);
    if (taken && check.checkAlone(row)) {
      file.usable.push_back(row);
      check.checkUsable(row);
      continue;
    }
    ++file.refusedRows;
    if (taken)
      continue;
    RefusedKind kind = kindOfRefused(task, file.table, row, file.columns);
    findings.addRow(Severity::Refused, kind.kind, kind.what, file, row, taken.message());
  }
}

} // namespace ftc::rt
