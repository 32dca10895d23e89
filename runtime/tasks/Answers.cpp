// Reading answers from the forms that data files give them in.
#include "runtime/tasks/Answers.h"

#include "runtime/io/Json.h"
#include "runtime/support/Text.h"
#include "runtime/tasks/Columns.h"

#include <charconv>

namespace ftc::rt {

namespace {

constexpr std::size_t kShownBytes = 60;

/// Byte of code point `index`, at most the text's end.
std::size_t byteOf(std::string_view text, std::int64_t index, std::size_t from = 0) {
  std::size_t at = from;
  for (; index > 0 && at < text.size(); --index)
    do
      ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80);
  return at;
}

/// One answer in two plain cells, as CSV holds it; an empty text is no answer.
Status readSingle(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                  Answers &answers) {
  std::string_view text = table.text(row, columns.label);
  if (text.empty())
    return {};
  std::string_view digits = table.text(row, columns.start);
  std::int64_t start = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), start);
  if (error != std::errc() || end != digits.data() + digits.size())
    return Status::error("expected a whole number in " +
                         table.describeColumn(columns.start) + ", got " +
                         (digits.empty() ? "nothing" : quote(digits, 30)));
  answers.texts.emplace_back(text);
  answers.starts.push_back(start);
  return {};
}

/// {"text": [...], "answer_start": [...]} as the text of one cell.
Status readJsonCell(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                    Answers &answers) {
  const std::string expected =
      "expected {\"text\": [...], \"answer_start\": [...]} in " +
      table.describeColumn(columns.label) + ", got ";
  std::string_view cell = table.text(row, columns.label);
  Result<Json> parsed = parseJson(cell, "answers");
  if (!parsed || !parsed->is_object())
    return Status::error(expected + (cell.empty() ? "nothing" : quote(cell, kShownBytes)));
  const Json &json = *parsed;
  auto list = [&](const char *key) {
    auto found = json.find(key);
    return found != json.end() && found->is_array() ? &*found : nullptr;
  };
  const Json *texts = list("text"), *starts = list("answer_start");
  if (!texts || !starts)
    return Status::error(expected + quote(cell, kShownBytes));
  for (const Json &text : *texts) {
    if (!text.is_string())
      return Status::error(expected + describeJson(text) + " as a text");
    answers.texts.push_back(text.get<std::string>());
  }
  for (const Json &start : *starts) {
    if (!start.is_number_integer())
      return Status::error(expected + describeJson(start) + " as a start");
    answers.starts.push_back(start.get<std::int64_t>());
  }
  return {};
}

/// [{"text": …, "answer_start": …}, …].
Status readObjects(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                   Answers &answers) {
  for (const Object &object : table.objects(row, columns.label)) {
    const ObjectMember *text = nullptr, *start = nullptr;
    for (const ObjectMember &member : object) {
      if (member.key == "text")
        text = &member;
      if (member.key == "answer_start")
        start = &member;
    }
    if (!text || !start || text->kind != CellKind::Text || start->kind != CellKind::Integer)
      return Status::error("expected objects with a string \"text\" and a whole number "
                           "\"answer_start\" in " +
                           table.describeColumn(columns.label) + ", got " +
                           (text && start ? "other kinds" : "one without"));
    answers.texts.emplace_back(text->text);
    std::from_chars(start->text.data(), start->text.data() + start->text.size(),
                    answers.starts.emplace_back(0));
  }
  return {};
}

Status readLists(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                 Answers &answers) {
  CellKind starts = table.kind(row, columns.start);
  bool none = table.listSize(row, columns.start) == 0;
  if (starts != CellKind::IntegerList && !(starts == CellKind::TextList && none))
    return Status::error("expected a list of whole numbers in " +
                         table.describeColumn(columns.start) + ", got " +
                         std::string(cellKindPhrase(starts)));
  table.list(row, columns.label, answers.texts);
  std::vector<std::string> digits;
  table.list(row, columns.start, digits);
  for (const std::string &text : digits) {
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    answers.starts.push_back(value);
  }
  return {};
}

Status readAny(const DataTable &table, std::int64_t row, const TaskColumns &columns,
               Answers &answers) {
  CellKind kind = table.kind(row, columns.label);
  if (columns.start < 0 && kind == CellKind::ObjectList)
    return readObjects(table, row, columns, answers);
  if (columns.start < 0 && kind == CellKind::TextList &&
      table.listSize(row, columns.label) == 0)
    return {};
  if (columns.start < 0 && kind == CellKind::Text)
    return readJsonCell(table, row, columns, answers);
  if (columns.start < 0)
    return Status::error("expected {\"text\": [...], \"answer_start\": [...]} in " +
                         table.describeColumn(columns.label) + ", got " +
                         std::string(cellKindPhrase(kind)));
  if (kind == CellKind::TextList)
    return readLists(table, row, columns, answers);
  if (kind == CellKind::Text)
    return readSingle(table, row, columns, answers);
  return Status::error("expected a list of strings in " +
                       table.describeColumn(columns.label) + ", got " +
                       std::string(cellKindPhrase(kind)));
}

} // namespace

std::int64_t codePoints(std::string_view text) {
  std::int64_t count = 0;
  for (char c : text)
    count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return count;
}

std::string_view codePointSlice(std::string_view text, std::int64_t begin, std::int64_t end) {
  std::size_t first = byteOf(text, begin);
  return text.substr(first, byteOf(text, end - begin, first) - first);
}

Result<TaskColumns> findQuestionColumns(const DataTable &table, bool needAnswers) {
  auto find = [&](std::string_view name) { return table.findColumn(name).value_or(-1); };
  TaskColumns columns;
  columns.id = find("id");
  columns.text = find("question");
  columns.pair = find("context");
  if (columns.text < 0)
    return missingColumn(table, "'question'");
  if (columns.pair < 0)
    return missingColumn(table, "'context'");
  columns.label = find("answers.text");
  columns.start = find("answers.answer_start");
  if (columns.label >= 0 && columns.start >= 0)
    return columns;
  if (columns.label >= 0 || columns.start >= 0)
    return missingColumn(table, columns.label >= 0 ? "'answers.answer_start' beside "
                                                     "'answers.text'"
                                                   : "'answers.text' beside "
                                                     "'answers.answer_start'");
  columns.label = find("answers");
  bool any = needAnswers;
  for (std::int64_t row = 0; row < table.rows() && !any; ++row)
    any = table.kind(row, columns.label) != CellKind::Missing;
  if (!any) // null in every row of a file to predict
    columns.label = -1;
  if (columns.label < 0 && needAnswers)
    return missingColumn(table, "'answers' with 'text' and 'answer_start'");
  return columns;
}

std::string questionId(const DataTable &table, std::int64_t row, const TaskColumns &columns) {
  std::string_view id = columns.id >= 0 ? table.text(row, columns.id) : std::string_view();
  return id.empty() ? std::to_string(row) : std::string(id);
}

std::string whereQuestion(const DataTable &table, std::int64_t row,
                          const TaskColumns &columns) {
  return table.where(row) + ": question " + quote(questionId(table, row, columns), 60);
}

std::optional<std::int64_t> QuestionIds::take(const DataTable &table, std::int64_t row,
                                              const TaskColumns &columns) {
  auto [first, fresh] = rows.try_emplace(questionId(table, row, columns), row);
  return fresh ? std::nullopt : std::optional(first->second);
}

Result<Answers> readAnswers(const DataTable &table, std::int64_t row,
                            const TaskColumns &columns) {
  Answers answers;
  Status status = readAny(table, row, columns, answers);
  if (status && answers.texts.size() != answers.starts.size())
    status = Status::error("expected one answer_start a text, got " +
                           std::to_string(answers.texts.size()) + " texts and " +
                           std::to_string(answers.starts.size()) + " starts");
  for (const std::string &text : answers.texts)
    if (status && text.empty())
      status = Status::error("expected an answer's text, got an empty one; a question without "
                             "an answer has an empty list");
  if (!status)
    return std::move(status).withContext(whereQuestion(table, row, columns));
  return answers;
}

Status checkAnswers(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                    const Answers &answers, bool mayLack) {
  if (answers.size() == 0 && !mayLack)
    return Status::error(whereQuestion(table, row, columns) +
                         ": expected an answer, got none; data with unanswerable questions "
                         "needs --version_2_with_negative");
  std::string_view context = table.text(row, columns.pair);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    std::int64_t start = answers.starts[i], length = codePoints(answers.texts[i]);
    std::string_view found;
    if (start >= 0 && start <= static_cast<std::int64_t>(context.size()))
      found = codePointSlice(context, start, start + length);
    if (found == answers.texts[i])
      continue;
    return Status::error(
        whereQuestion(table, row, columns) + ": expected the answer " +
        quote(answers.texts[i], kShownBytes) + " at character " + std::to_string(start) +
        " of the context, got " +
        (found.empty()
             ? "its end (it has " + std::to_string(codePoints(context)) + " characters)"
             : quote(found, kShownBytes)));
  }
  return {};
}

} // namespace ftc::rt
