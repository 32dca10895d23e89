// What every table promises, whatever the bytes it was read from.
#include "test/fuzz/DataParsers.h"

#include "runtime/data/ParallelText.h"
#include "runtime/support/Text.h"
#include "runtime/tasks/ChatMessages.h"
#include "test/fuzz/Promises.h"

#include <algorithm>
#include <iterator>

namespace ftc::test {

using namespace ftc::rt;

namespace {

constexpr std::string_view kNames[] = {"d.csv", "d.tsv", "d.jsonl", "d.json", "d.conll"};

Result<DataTable> read(std::string_view bytes, std::int64_t maxRows) {
  auto format = static_cast<std::size_t>(bytes.empty() ? 9 : bytes[0] - '0');
  bytes.remove_prefix(std::min<std::size_t>(1, bytes.size()));
  if (format < std::size(kNames))
    return parseData(kNames[format], std::string(bytes), maxRows);
  if (format > std::size(kNames))
    return Status::error("expected a digit from 0 to 5");
  std::size_t end = std::min(bytes.find('\f'), bytes.size());
  std::string target(bytes.substr(std::min(end + 1, bytes.size())));
  return parseParallelText("d.en", std::string(bytes.substr(0, end)), "d.de", target, maxRows);
}

/// Everything that a cell holds, each part in brackets.
std::string cellText(const DataTable &table, std::int64_t row, int column) {
  CellKind kind = table.kind(row, column);
  std::string text =
      std::string(cellKindPhrase(kind)) + "[" + std::string(table.text(row, column)) + "]";
  std::vector<std::string> items;
  table.list(row, column, items);
  require(table.listSize(row, column) == static_cast<std::int64_t>(items.size()),
          "a list has as many items as it says");
  for (const std::string &item : items)
    text += "[" + item + "]";
  std::vector<Object> objects = table.objects(row, column);
  require((kind == CellKind::ObjectList) == !objects.empty(), "object lists have objects");
  for (const Object &object : objects)
    for (const ObjectMember &member : object)
      text += "[" + std::string(member.key) + "][" + std::string(member.text) + "]";
  if (auto messages = readMessages(table, row, column); !messages)
    (void)checked(messages.takeStatus());
  else
    require(messages->size() == objects.size(), "each object is a message");
  return text;
}

std::string rowText(const DataTable &table, std::int64_t row) {
  std::string text;
  for (int column = 0; column < static_cast<int>(table.columns().size()); ++column)
    if (table.kind(row, column) != CellKind::Missing)
      text += quote(table.columns()[column], 2000) + cellText(table, row, column);
  return text;
}

/// What a whole table promises, and its beginning: `first` has one row.
Status checkTable(Result<DataTable> table, Result<DataTable> first) {
  if (!table)
    return checked(table.takeStatus());
  require(table->rows() > 0, "a table has rows");
  std::int64_t line = 1;
  for (std::int64_t row = 0; row < table->rows(); ++row) {
    require(table->line(row) >= line, "rows stand in the file's order");
    line = table->line(row);
    require(isValidUtf8(rowText(*table, row)), "cells are UTF-8");
  }
  require(first && first->rows() == 1, "a file that is read can be read in part");
  require(rowText(*first, 0) == rowText(*table, 0), "the first row is the same alone");
  return Status::ok();
}

} // namespace

Status parseDataFile(std::string_view bytes) {
  return checkTable(read(bytes, -1), read(bytes, 1));
}

Status parseParquetFile(std::string_view bytes) {
  return checkTable(parseData("d.parquet", std::string(bytes)),
                    parseData("d.parquet", std::string(bytes), 1));
}

} // namespace ftc::test
