// Readers of JSON and JSON lines: nlohmann's SAX parser over the bytes in place.
#include "runtime/data/Formats.h"
#include "runtime/data/JsonRows.h"
#include "runtime/data/SquadRows.h"
#include "runtime/support/Text.h"

#include <iterator>

namespace ftc::rt {

namespace {

using nlohmann::json;

/// How far a document is read.
struct Progress {
  std::int64_t line = 1;
  std::size_t consumed = 0; ///< bytes
};

/// Reads bytes and counts what has gone by.
class LineCountingIterator {
public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char *;
  using reference = const char &;

  LineCountingIterator(const char *at, Progress *progress) : at(at), progress(progress) {}
  reference operator*() const { return *at; }
  LineCountingIterator &operator++() {
    progress->line += *at == '\n';
    ++progress->consumed;
    ++at;
    return *this;
  }
  LineCountingIterator operator++(int) {
    LineCountingIterator old = *this;
    ++*this;
    return old;
  }
  bool operator==(const LineCountingIterator &other) const { return at == other.at; }
  bool operator!=(const LineCountingIterator &other) const { return at != other.at; }

private:
  const char *at;
  Progress *progress;
};

template <typename Rows>
bool parseDocument(std::string_view bytes, Progress &progress, Rows &rows) {
  const char *begin = bytes.data();
  return json::sax_parse(LineCountingIterator(begin, &progress),
                         LineCountingIterator(begin + bytes.size(), &progress), &rows);
}

bool isBlank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

/// Reads a whole document into `rows`, with `problems` noting where it is in the bytes. Ok,
/// too, where there are enough rows; otherwise the first error of rows or of JSON.
template <typename Rows>
Status readDocument(std::string_view path, std::string_view bytes, Progress &progress,
                    Rows &rows, ReadProblems *problems) {
  if (problems)
    rows.watch(*problems, progress.consumed);
  bool parsed = parseDocument(bytes, progress, rows);
  if (rows.error() && !parsed && !rows.enough())
    return Status::error(whereInFile(path, progress.line) + ": expected JSON");
  return rows.error();
}

Status noRows(std::string_view path) {
  return Status::error(escape(path, 160) + ": expected objects with data, got none");
}

/// Whether rows of {"data": [...]} are SQuAD's articles rather than examples: the first says it.
bool holdsArticles(std::string_view path, std::string_view bytes) {
  DataTableBuilder builder(path, 0, /*untyped=*/false);
  Progress progress;
  JsonRows rows(builder, progress.line, JsonShape::Table, /*maxRows=*/1);
  parseDocument(bytes, progress, rows);
  if (!rows.rowsUnderData())
    return false;
  bool broken = builder.rows() == 1 && rows.insideRow();
  DataTable table = builder.take();
  if (broken) // within the first: its keys alone tell
    return !table.findColumn("question") &&
           bytes.substr(0, progress.consumed).find("\"paragraphs\"") != std::string_view::npos;
  auto first = [&](std::string_view name) {
    std::optional<int> column = table.findColumn(name);
    return column && table.rows() > 0 ? table.kind(0, *column) : CellKind::Missing;
  };
  CellKind paragraphs = first("paragraphs");
  bool none = paragraphs == CellKind::TextList &&
              table.listSize(0, *table.findColumn("paragraphs")) == 0;
  return first("question") == CellKind::Missing &&
         (paragraphs == CellKind::ObjectList || none);
}

Result<DataTable> parseSquad(std::string_view path, std::string_view bytes,
                             std::int64_t maxRows, ReadProblems *problems) {
  DataTableBuilder builder(path, bytes.size() + bytes.size() / 64, /*untyped=*/false);
  Progress progress;
  FTC_ASSIGN_OR_RETURN(SquadRows rows, SquadRows::make(builder, progress.line, maxRows));
  Status read = readDocument(path, bytes, progress, rows, problems);
  if (!read && !problems)
    return read;
  if (!read)
    problems->stopAt(progress.line, progress.consumed, read.message());
  if (builder.rows() == 0 && maxRows != 0 && !(problems && problems->total()))
    return Status::error(escape(path, 160) + ": expected paragraphs with questions (\"qas\"), "
                                             "got none");
  return builder.take();
}

} // namespace

Result<DataTable> parseJsonLines(std::string_view path, std::string_view bytes,
                                 std::int64_t maxRows, ReadProblems *problems) {
  DataTableBuilder builder(path, bytes.size() + bytes.size() / 64, /*untyped=*/false);
  std::int64_t line = 1;
  for (std::size_t at = 0; at < bytes.size(); ++line) {
    if (maxRows >= 0 && builder.rows() >= maxRows)
      break;
    std::size_t end = std::min(bytes.find('\n', at), bytes.size());
    std::string_view text = bytes.substr(at, end - at);
    at = end + 1;
    if (isBlank(text))
      continue;
    JsonRows rows(builder, line, JsonShape::Row, -1);
    std::int64_t before = builder.rows();
    bool parsed = json::sax_parse(text.begin(), text.end(), &rows);
    Status read = rows.error();
    if (read && !parsed)
      read = Status::error(whereInFile(path, line) + ": expected a JSON object");
    if (!read && !problems)
      return read;
    bool invalid = problems && problems->tellInvalidRow(end);
    if (read && !invalid)
      continue;
    if (builder.rows() > before)
      builder.dropRow();
    if (!invalid)
      problems->add(line, read.message());
  }
  if (builder.rows() == 0 && maxRows != 0 && !(problems && problems->total()))
    return noRows(path);
  return builder.take();
}

/// What stands before the place where a document breaks: its whole rows, as far as they are rows.
static DataTable rowsBefore(DataTableBuilder &builder, const JsonRows &rows,
                            const Progress &progress, const Status &read,
                            ReadProblems &problems) {
  problems.stopAt(progress.line, progress.consumed, read.message());
  if (builder.rows() > 0 && rows.insideRow())
    builder.dropRow();
  DataTable table = builder.take();
  return rows.ofColumns() ? DataTableBuilder(table.path(), 0, false).take() : std::move(table);
}

Result<DataTable> parseJson(std::string_view path, std::string_view bytes, std::int64_t maxRows,
                            ReadProblems *problems) {
  std::string_view start =
      bytes.substr(std::min(bytes.find_first_not_of(" \t\r\n"), bytes.size()));
  std::size_t lineEnd = std::min(start.find('\n'), start.size());
  std::string_view first = start.substr(0, lineEnd);
  bool oneLine = isBlank(start.substr(lineEnd));
  if (!oneLine && first.starts_with('{') && json::accept(first.begin(), first.end()))
    return parseJsonLines(path, bytes, maxRows, problems);
  if (first.starts_with('{') && holdsArticles(path, bytes))
    return parseSquad(path, bytes, maxRows, problems);

  DataTableBuilder builder(path, bytes.size() + bytes.size() / 64, /*untyped=*/false);
  Progress progress;
  JsonRows rows(builder, progress.line, JsonShape::Table, maxRows);
  Status read = readDocument(path, bytes, progress, rows, problems);
  if (!read && problems)
    return rowsBefore(builder, rows, progress, read, *problems);
  if (!read)
    return read;
  if (rows.looksLikeOneRow() && oneLine)
    return parseJsonLines(path, bytes, maxRows, problems);
  if (rows.looksLikeOneRow())
    return Status::error(escape(path, 160) +
                         ": expected a list of objects, {\"data\": [...]}, an object of "
                         "equally long columns, or one object a line, got one object");
  FTC_RETURN_IF_ERROR(rows.finish());
  // A bad byte in a column: which row it is in is not known.
  if (problems && rows.ofColumns() && problems->tellInvalidLines(bytes.size()))
    return DataTableBuilder(path, 0, false).take();
  if (builder.rows() == 0 && maxRows != 0 && !(problems && problems->total()))
    return noRows(path);
  return builder.take();
}

} // namespace ftc::rt
