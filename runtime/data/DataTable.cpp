// Cells of a data table, and the choice of a reader by a file's name.
#include "runtime/data/DataTable.h"

#include "runtime/data/DataTableBuilder.h"
#include "runtime/data/Formats.h"
#include "runtime/data/ReadProblems.h"
#include "runtime/support/File.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace ftc::rt {

namespace {

/// Reads a length prefix (seven bits a byte, least significant first) at `at`.
std::size_t readLength(std::string_view bytes, std::size_t &at) {
  std::size_t length = 0;
  for (int shift = 0;; shift += 7) {
    auto byte = static_cast<unsigned char>(bytes[at++]);
    length |= static_cast<std::size_t>(byte & 0x7f) << shift;
    if (byte < 0x80)
      return length;
  }
}

std::string lowered(std::string_view text) {
  std::string result(text);
  for (char &c : result)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return result;
}

/// Whether the arena holds the cell's items rather than its text.
bool hasItems(CellKind kind) {
  return kind == CellKind::TextList || kind == CellKind::IntegerList ||
         kind == CellKind::ObjectList;
}

/// Reads a length and as many bytes at `at`.
std::string_view readItem(std::string_view bytes, std::size_t &at) {
  std::size_t length = readLength(bytes, at);
  at += length;
  return bytes.substr(at - length, length);
}

/// Reads the members of one object at `at`, up to and with its end.
Object readObject(std::string_view bytes, std::size_t &at) {
  Object object;
  while (auto mark = static_cast<unsigned char>(bytes[at++])) {
    ObjectMember member;
    member.kind = static_cast<CellKind>(mark - 1);
    member.key = readItem(bytes, at);
    member.text = readItem(bytes, at);
    object.push_back(member);
  }
  return object;
}

} // namespace

std::string_view cellKindPhrase(CellKind kind) {
  switch (kind) {
  case CellKind::Missing:
    return "nothing";
  case CellKind::Text:
    return "a string";
  case CellKind::Integer:
    return "a whole number";
  case CellKind::Real:
    return "a real number";
  case CellKind::Boolean:
    return "a boolean";
  case CellKind::TextList:
    return "a list of strings";
  case CellKind::IntegerList:
    return "a list of whole numbers";
  case CellKind::ObjectList:
    return "a list of objects";
  case CellKind::Other:
    return "a nested or mixed value";
  }
  return "a value";
}

std::string_view withoutByteOrderMark(std::string_view bytes) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  return bytes.substr(bytes.starts_with(kMark) ? kMark.size() : 0);
}

std::string whereInFile(std::string_view path, std::int64_t line) {
  return escape(path, 160) + ": line " + std::to_string(line);
}

std::optional<int> DataTable::findColumn(std::string_view name) const {
  auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    return std::nullopt;
  return static_cast<int>(found - names.begin());
}

std::string DataTable::describeColumn(int column) const {
  if (namesColumns())
    return "column " + quote(names[column], 40);
  return column == 0 ? "the first column" : "the last column";
}

std::string DataTable::where(std::int64_t row, std::int64_t item) const {
  return escape(file, 160) + ": " + std::string(unit()) + " " +
         std::to_string(itemLine(row, item));
}

std::string DataTable::whereCell(std::int64_t row, int column) const {
  bool own = column >= 0 && column < static_cast<int>(columnFiles.size());
  return own ? whereInFile(columnFiles[column], lines[row]) : where(row);
}

const DataTable::Cell *DataTable::cell(std::int64_t row, int column) const {
  if (column < 0)
    return nullptr;
  std::uint64_t begin = rowBegins[row];
  std::uint64_t end = row + 1 < rows() ? rowBegins[row + 1] : cells.size();
  std::uint64_t usual = begin + static_cast<std::uint64_t>(column);
  if (usual < end && cells[usual].column == column)
    return &cells[usual];
  for (std::uint64_t at = begin; at < end; ++at)
    if (cells[at].column == column)
      return &cells[at];
  return nullptr;
}

std::string_view DataTable::text(std::int64_t row, int column) const {
  const Cell *found = cell(row, column);
  if (!found || hasItems(found->kind))
    return {};
  return std::string_view(arena).substr(found->begin, found->length);
}

std::int64_t DataTable::integer(std::int64_t row, int column) const {
  std::string_view digits = text(row, column);
  std::int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

std::string_view DataTable::items(std::int64_t row, int column, bool objects) const {
  const Cell *found = cell(row, column);
  if (!found || !hasItems(found->kind) || (found->kind == CellKind::ObjectList) != objects)
    return {};
  return std::string_view(arena).substr(found->begin, found->length);
}

std::int64_t DataTable::listSize(std::int64_t row, int column) const {
  std::string_view bytes = items(row, column, /*objects=*/false);
  std::int64_t count = 0;
  for (std::size_t at = 0; at < bytes.size(); ++count)
    readItem(bytes, at);
  return count;
}

void DataTable::list(std::int64_t row, int column, std::vector<std::string> &out) const {
  std::string_view bytes = items(row, column, /*objects=*/false);
  std::size_t used = 0;
  for (std::size_t at = 0; at < bytes.size(); ++used) {
    if (used == out.size())
      out.emplace_back();
    out[used].assign(readItem(bytes, at));
  }
  out.resize(used);
}

std::vector<Object> DataTable::objects(std::int64_t row, int column) const {
  std::string_view bytes = items(row, column, /*objects=*/true);
  std::vector<Object> result;
  for (std::size_t at = 0; at < bytes.size();)
    result.push_back(readObject(bytes, at));
  return result;
}

DataTableBuilder::DataTableBuilder(std::string_view path, std::size_t arenaBytes,
                                   bool untyped) {
  table.file = path;
  table.textOnly = untyped;
  table.arena.reserve(arenaBytes);
}

Result<int> DataTableBuilder::column(std::string_view name) {
  auto found = byName.find(name);
  return found != byName.end() ? Result<int>(found->second) : addColumn(name);
}

Result<int> DataTableBuilder::addColumn(std::string_view name) {
  if (table.names.size() == kMaxColumns)
    return Status::error(escape(table.file, 160) + ": expected at most " +
                         std::to_string(kMaxColumns) + " columns, got more");
  if (name.size() > kMaxNameBytes)
    return Status::error(escape(table.file, 160) + ": expected column names of at most " +
                         std::to_string(kMaxNameBytes) + " bytes, got one of " +
                         std::to_string(name.size()) + ": " + quote(name));
  auto index = static_cast<int>(table.names.size());
  table.names.emplace_back(name);
  byName.emplace(name, index);
  lastRow.push_back(0);
  return index;
}

void DataTableBuilder::beginRow(std::int64_t line) {
  table.lines.push_back(line);
  table.rowBegins.push_back(table.cells.size());
}

Status DataTableBuilder::closeCell(int column, CellKind kind, std::size_t begin) {
  return shareCell(column, kind, begin, table.arena.size() - begin);
}

Status DataTableBuilder::addText(int column, std::string_view text) {
  std::size_t begin = table.arena.size();
  table.arena.append(text);
  return closeCell(column, CellKind::Text, begin);
}

Status DataTableBuilder::shareCell(int column, CellKind kind, std::size_t begin,
                                   std::size_t length) {
  if (length > std::numeric_limits<std::uint32_t>::max())
    return Status::error(where(table.lines.empty() ? 1 : table.lines.back()) +
                         ": expected a value below 4 GiB, got " + std::to_string(length) +
                         " bytes");
  DataTable::Cell cell;
  cell.begin = begin;
  cell.length = static_cast<std::uint32_t>(length);
  cell.column = static_cast<std::uint16_t>(column);
  cell.kind = kind;
  table.cells.push_back(cell);
  lastRow[column] = rows();
  return {};
}

void DataTableBuilder::appendMember(std::string_view key, CellKind kind,
                                    std::string_view text) {
  table.arena.push_back(static_cast<char>(static_cast<int>(kind) + 1));
  appendItem(key);
  appendItem(text);
}

void DataTableBuilder::appendItem(std::string_view item) {
  std::size_t length = item.size();
  for (; length >= 0x80; length >>= 7)
    table.arena.push_back(static_cast<char>((length & 0x7f) | 0x80));
  table.arena.push_back(static_cast<char>(length));
  table.arena.append(item);
}

Status DataTableBuilder::transpose(const std::vector<std::int64_t> &lines) {
  std::size_t columns = table.names.size(), rows = lines.size();
  std::vector<std::size_t> filled(columns, 0);
  for (const DataTable::Cell &cell : table.cells)
    ++filled[cell.column];
  for (std::size_t column = 0; column < columns; ++column)
    if (filled[column] != rows)
      return Status::error(escape(table.file, 160) +
                           ": expected columns of equal length, got " + std::to_string(rows) + " values in " + quote(table.names[0]) +
                           " and " + std::to_string(filled[column]) + " in " +
                           quote(table.names[column]));
  std::vector<DataTable::Cell> turned(table.cells.size());
  std::fill(filled.begin(), filled.end(), 0);
  for (const DataTable::Cell &cell : table.cells)
    turned[filled[cell.column]++ * columns + cell.column] = cell;
  table.cells = std::move(turned);
  table.lines = lines;
  table.rowBegins.resize(rows);
  for (std::size_t row = 0; row < rows; ++row)
    table.rowBegins[row] = row * columns;
  return {};
}

std::string DataTableBuilder::where(std::int64_t line) const {
  return escape(table.file, 160) + ": " + std::string(table.unit()) + " " +
         std::to_string(line);
}

void DataTableBuilder::keepRows(std::int64_t count) {
  if (count >= rows())
    return;
  table.cells.resize(table.rowBegins[count]);
  table.rowBegins.resize(count);
  table.lines.resize(count);
}

void DataTableBuilder::dropRow() {
  std::int64_t left = rows() - 1;
  keepRows(left);
  std::replace_if(
      lastRow.begin(), lastRow.end(), [&](std::int64_t row) { return row > left; }, 0);
}

DataTable DataTableBuilder::take() { return std::move(table); }

Result<std::string_view> checkUtf8(std::string_view path, std::string_view bytes) {
  std::string_view content = withoutByteOrderMark(bytes);
  if (std::optional<std::size_t> bad = findInvalidUtf8(content)) {
    auto line = std::count(content.begin(), content.begin() + *bad, '\n') + 1;
    return Status::error(invalidUtf8Message(path, line, content.substr(*bad, 1)));
  }
  return content;
}

void replaceInvalidUtf8(std::string_view path, std::string &bytes, ReadProblems &problems) {
  bytes.erase(0, bytes.size() - withoutByteOrderMark(bytes).size());
  std::size_t at = 0;
  while (std::optional<std::size_t> bad = findInvalidUtf8(std::string_view(bytes).substr(at))) {
    if (at == 0)
      problems.readInsteadOf(path, bytes);
    at += *bad;
    bytes[at++] = '?';
  }
}

Status checkNotBlank(std::string_view path, std::string_view content) {
  if (content.find_first_not_of(" \t\r\n") == std::string_view::npos)
    return Status::error(escape(path, 160) + ": expected rows of data, got an empty file");
  return Status::ok();
}

Result<std::string_view> checkText(std::string_view path, std::string_view bytes) {
  FTC_ASSIGN_OR_RETURN(std::string_view content, checkUtf8(path, bytes));
  FTC_RETURN_IF_ERROR(checkNotBlank(path, content));
  return content;
}

Result<DataTable> parseData(std::string_view path, std::string bytes, std::int64_t maxRows,
                            ReadProblems *problems) {
  std::string name = lowered(path);
  std::string shown = escape(path, 160);
  if (name.ends_with(".gz")) {
    name.resize(name.size() - 3);
    FTC_ASSIGN_OR_RETURN(bytes, gunzip(path, bytes));
  }
  auto named = [&](std::string_view suffix) { return name.ends_with(suffix); };
  if (named(".parquet"))
    return parseParquet(path, bytes, maxRows, problems);
  bool conll = named(".conll") || named(".bio") || named(".txt");
  if (!named(".csv") && !named(".tsv") && !named(".jsonl") && !named(".json") && !conll)
    return Status::error(shown + ": expected a file named .csv, .tsv, .jsonl, .json, .parquet, "
                                 ".conll, .bio or .txt (each also with .gz), so that its format is "
                                 "known; rename it");
  if (problems)
    replaceInvalidUtf8(path, bytes, *problems);
  FTC_ASSIGN_OR_RETURN(std::string_view content, checkText(path, bytes));
  Result<DataTable> table =
      conll             ? parseConll(path, content, maxRows, problems)
      : named(".jsonl") ? parseJsonLines(path, content, maxRows, problems)
      : named(".json") ? parseJson(path, content, maxRows, problems)
                       : parseCsv(path, content, named(".csv") ? ',' : '\t', maxRows, problems);
  if (problems)
    problems->endInvalid();
  return table;
}

Result<DataTable> readDataFile(const std::string &path, std::int64_t maxRows,
                               ReadProblems *problems) {
  if (lowered(path).ends_with(".parquet")) { // its columns lie apart: read where they are
    FTC_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
    return parseParquet(path, file.text(), maxRows, problems);
  }
  FTC_ASSIGN_OR_RETURN(std::string bytes, readFile(path, kMaxDataFileBytes));
  return parseData(path, std::move(bytes), maxRows, problems);
}

} // namespace ftc::rt
