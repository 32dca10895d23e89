// Reader of CSV and TSV: one pass over the bytes, fields appended straight to the arena.
#include "runtime/data/DataTableBuilder.h"
#include "runtime/data/Formats.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cstring>

namespace ftc::rt {

namespace {

class CsvScanner {
public:
  enum class End { Field, Record, File };

  CsvScanner(std::string_view path, std::string_view bytes, char delimiter)
      : path(path), bytes(bytes), delimiter(delimiter) {}

  bool atEnd() const { return at == bytes.size(); }
  std::int64_t line() const { return currentLine; }
  /// Bytes read.
  std::size_t position() const { return at; }
  /// A quote was never closed: there is no next record.
  bool unclosed() const { return openQuote; }

  /// Skips the line at hand when it holds nothing but blanks.
  bool skipBlankLine() {
    std::size_t look = at;
    while (look < bytes.size() && bytes[look] != delimiter &&
           (bytes[look] == ' ' || bytes[look] == '\t' || bytes[look] == '\r'))
      ++look;
    if (look < bytes.size() && bytes[look] != '\n')
      return false;
    at = std::min(look + 1, bytes.size());
    ++currentLine;
    return true;
  }

  /// Appends one field to `sink` and says what ended it.
  Result<End> field(std::string &sink) {
    if (at < bytes.size() && bytes[at] == '"')
      FTC_RETURN_IF_ERROR(quotedPart(sink));
    std::size_t begin = at;
    while (at < bytes.size() && bytes[at] != delimiter && bytes[at] != '\n')
      ++at;
    std::size_t length = at - begin;
    if (at == bytes.size()) {
      sink.append(bytes, begin, length);
      return End::File;
    }
    bool record = bytes[at] == '\n';
    if (record && length > 0 && bytes[at - 1] == '\r')
      --length;
    sink.append(bytes, begin, length);
    ++at;
    currentLine += record;
    return record ? End::Record : End::Field;
  }

private:
  Status quotedPart(std::string &sink) {
    std::int64_t openedAt = currentLine;
    ++at;
    for (;;) {
      std::size_t close = bytes.find('"', at);
      openQuote = close == std::string_view::npos;
      if (openQuote)
        return Status::error(whereInFile(path, openedAt) +
                             ": expected a closing quote for the field that opens with '\"' "
                             "here, got the end of the file; double quotes inside a quoted "
                             "field, and quote a field that begins with one");
      currentLine += std::count(bytes.begin() + at, bytes.begin() + close, '\n');
      sink.append(bytes, at, close - at);
      at = close + 1;
      if (at == bytes.size() || bytes[at] != '"')
        return {};
      sink.push_back('"');
      ++at;
    }
  }

  std::string_view path, bytes;
  char delimiter;
  std::size_t at = 0;
  std::int64_t currentLine = 1;
  bool openQuote = false;
};

Status readHeader(CsvScanner &scanner, DataTableBuilder &builder, int &columns) {
  while (scanner.skipBlankLine()) {
  }
  std::int64_t line = scanner.line();
  for (auto end = CsvScanner::End::Field; end == CsvScanner::End::Field; ++columns) {
    std::string name;
    FTC_ASSIGN_OR_RETURN(end, scanner.field(name));
    FTC_ASSIGN_OR_RETURN(int index,
                         name.empty() ? builder.addColumn(name) : builder.column(name));
    if (index != columns)
      return Status::error(whereInFile(builder.path(), line) +
                           ": expected different column names in the header, got " +
                           quote(name) + " twice");
  }
  return {};
}

/// Reads the rest of a row that has more fields than the header and reports their number.
Status tooManyFields(CsvScanner &scanner, const std::string &path, std::int64_t line,
                     int columns) {
  int fields = columns;
  std::string ignored;
  for (auto end = CsvScanner::End::Field; end == CsvScanner::End::Field; ++fields) {
    ignored.clear();
    FTC_ASSIGN_OR_RETURN(end, scanner.field(ignored));
  }
  return Status::error(whereInFile(path, line) + ": expected " + std::to_string(columns) +
                       " fields as in the header, got " + std::to_string(fields) +
                       "; quote fields that hold the separator");
}

Status readRow(CsvScanner &scanner, DataTableBuilder &builder, int columns) {
  std::int64_t line = scanner.line();
  builder.beginRow(line);
  for (int column = 0; column < columns; ++column) {
    std::size_t begin = builder.arena().size();
    FTC_ASSIGN_OR_RETURN(CsvScanner::End end, scanner.field(builder.arena()));
    FTC_RETURN_IF_ERROR(builder.closeCell(column, CellKind::Text, begin));
    bool last = column + 1 == columns;
    if (last && end == CsvScanner::End::Field)
      return tooManyFields(scanner, builder.path(), line, columns);
    if (!last && end != CsvScanner::End::Field)
      return Status::error(whereInFile(builder.path(), line) + ": expected " +
                           std::to_string(columns) + " fields as in the header, got " +
                           std::to_string(column + 1));
  }
  return {};
}

} // namespace

Result<DataTable> parseCsv(std::string_view path, std::string_view bytes, char delimiter,
                           std::int64_t maxRows, ReadProblems *problems) {
  CsvScanner scanner(path, bytes, delimiter);
  DataTableBuilder builder(path, bytes.size(), /*untyped=*/true);
  int columns = 0;
  FTC_RETURN_IF_ERROR(readHeader(scanner, builder, columns));
  while (!scanner.atEnd() && (maxRows < 0 || builder.rows() < maxRows)) {
    if (columns > 1 && scanner.skipBlankLine())
      continue;
    std::int64_t line = scanner.line();
    if (problems)
      problems->tellInvalidLines(scanner.position());
    Status read = readRow(scanner, builder, columns);
    if (!problems && !read)
      return read;
    bool invalid = problems && problems->tellInvalidRow(
                                   scanner.unclosed() ? bytes.size() : scanner.position());
    if (read && !invalid)
      continue;
    builder.dropRow();
    if (!read && (!invalid || scanner.unclosed()))
      problems->add(line, read.message());
    if (scanner.unclosed()) {
      problems->stop();
      break;
    }
  }
  if (builder.rows() == 0 && maxRows != 0 && !(problems && problems->total()))
    return Status::error(escape(path, 160) +
                         ": expected rows of data after the header, got a header only");
  return builder.take();
}

} // namespace ftc::rt
