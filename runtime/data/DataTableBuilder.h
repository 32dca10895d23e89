// DataTableBuilder: what the readers of each format fill, row by row, cell by cell.
#pragma once

#include "runtime/data/DataTable.h"

#include <map>

namespace ftc::rt {

/// Cells are written by appending their bytes to arena() and then closing them.
class DataTableBuilder {
public:
  static constexpr std::size_t kMaxColumns = 4096;
  static constexpr std::size_t kMaxNameBytes = 1000;

  /// `arenaBytes`: the most bytes the text is expected to take; only what is used is touched.
  DataTableBuilder(std::string_view path, std::size_t arenaBytes, bool untyped);

  void setCountsRows() { table.countsRows = true; }
  void setLinePerItem() { table.linePerItem = true; }
  /// Names the file of each column, where rows come from several.
  void setColumnFiles(std::vector<std::string> files) { table.columnFiles = std::move(files); }
  const std::string &path() const { return table.file; }
  std::int64_t rows() const { return table.rows(); }
  /// "PATH: line N", or row, the path made safe to print.
  std::string where(std::int64_t line) const;

  /// Index of the column of that name, added when new. Fails beyond kMaxColumns columns or
  /// kMaxNameBytes bytes.
  Result<int> column(std::string_view name);
  /// Adds a column even when the name is taken (unnamed CSV columns).
  Result<int> addColumn(std::string_view name);

  void beginRow(std::int64_t line);
  /// True when the row begun last has a cell in that column already.
  bool hasCell(int column) const { return lastRow[column] == rows(); }

  std::string &arena() { return table.arena; }
  /// Closes the cell whose bytes begin at `begin` of the arena. Fails on 4 GiB or more.
  Status closeCell(int column, CellKind kind, std::size_t begin);
  /// A Text cell.
  Status addText(int column, std::string_view text);
  /// A cell over bytes [begin, begin + length) of the arena, which other cells may hold too.
  Status shareCell(int column, CellKind kind, std::size_t begin, std::size_t length);
  /// Appends one list item (length prefix, bytes) to the arena.
  void appendItem(std::string_view item);
  /// Appends one member of an object that is a list's item.
  void appendMember(std::string_view key, CellKind kind, std::string_view text);
  /// Ends an object begun with its first member (or without any).
  void endObject() { table.arena.push_back('\0'); }

  /// Turns a table filled column by column, every cell in one row, into rows: the cells of
  /// each column, in their order, become that column's rows. `lines` gives the rows' lines.
  /// Fails when the columns differ in length.
  Status transpose(const std::vector<std::int64_t> &lines);

  /// Drops the rows after the first `count`.
  void keepRows(std::int64_t count);

  /// Drops the row begun last, whatever it has.
  void dropRow();

  DataTable take();

private:
  DataTable table;
  std::map<std::string, int, std::less<>> byName;
  std::vector<std::int64_t> lastRow; ///< [columns]: rows() when the column was last set
};

} // namespace ftc::rt
