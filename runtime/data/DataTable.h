// DataTable: the rows of a data file, kept compactly (one string arena and fixed-size cells)
// so that a large file costs little more than its own text; every row knows its line.
#pragma once

#include "runtime/support/Status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ftc::rt {

class ReadProblems;

/// What a cell holds. Cells of CSV and TSV are Text; JSON's keep their own type.
enum class CellKind : std::uint8_t {
  Missing,     ///< the key is absent in this row, or null
  Text,        ///< a string
  Integer,     ///< a whole number that fits 64 bits
  Real,        ///< any other number
  Boolean,     ///< "true" or "false"
  TextList,    ///< a list of strings (also the empty list)
  IntegerList, ///< a list of whole numbers
  ObjectList,  ///< a list of objects, of at least one
  Other        ///< anything else (nested lists, lists of mixed types)
};

/// A phrase for error messages: "a string", "a list of strings", …
std::string_view cellKindPhrase(CellKind kind);

/// A key of an object in an ObjectList cell and its value, in the file's order.
struct ObjectMember {
  std::string_view key;
  CellKind kind = CellKind::Missing; ///< Missing (null), Text, Integer, Real, Boolean or Other
  std::string_view text;             ///< as DataTable::text
};
using Object = std::vector<ObjectMember>;

/// Immutable once read. Columns of nested JSON objects are named "outer.inner".
class DataTable {
public:
  /// The file; of parallel text the source's.
  const std::string &path() const { return file; }
  std::int64_t rows() const { return static_cast<std::int64_t>(lines.size()); }
  const std::vector<std::string> &columns() const { return names; }
  /// Index of the column of exactly that name.
  std::optional<int> findColumn(std::string_view name) const;
  /// Line of the file that the row begins at, from 1, header included.
  std::int64_t line(std::int64_t row) const { return lines[row]; }
  /// True when cells are untyped text (CSV, TSV, CoNLL), so that "3" may mean a number.
  bool untyped() const { return textOnly; }
  /// What line() counts: "line", or "row" in files that have no lines.
  std::string_view unit() const { return countsRows ? "row" : "line"; }
  /// True of parallel text: two files, a column each, the source's first.
  bool parallel() const { return !columnFiles.empty(); }
  /// False of CoNLL files, whose columns have places and no names: columns() are ours.
  bool namesColumns() const { return !linePerItem; }
  /// "column 'label'", or of CoNLL files "the last column": a column, for error messages.
  std::string describeColumn(int column) const;
  /// Bytes that the table holds.
  std::int64_t bytes() const {
    return static_cast<std::int64_t>(lines.size() * sizeof lines[0] +
                                     rowBegins.size() * sizeof rowBegins[0] +
                                     cells.size() * sizeof(Cell) + arena.size());
  }
  /// Line of one item of a row's lists: CoNLL has one a line, other formats the row's line.
  std::int64_t itemLine(std::int64_t row, std::int64_t item) const {
    return lines[row] + (linePerItem ? item : 0);
  }
  /// "PATH: line N" (or "row N"): where a row (or an item of its lists) is, for error messages.
  std::string where(std::int64_t row, std::int64_t item = 0) const;
  /// The same for a column of parallel text, which names the column's own file.
  std::string whereCell(std::int64_t row, int column) const;

  CellKind kind(std::int64_t row, int column) const {
    const Cell *found = cell(row, column);
    return found ? found->kind : CellKind::Missing;
  }
  /// The text of a Text, Integer, Real or Boolean cell as it stands in the file; empty for
  /// every other kind. Lives as long as the table.
  std::string_view text(std::int64_t row, int column) const;
  /// The value of an Integer cell.
  std::int64_t integer(std::int64_t row, int column) const;
  /// Number of items of a list cell; 0 for other kinds.
  std::int64_t listSize(std::int64_t row, int column) const;
  /// The items of a list cell as text, in order; `out` is cleared and reused.
  void list(std::int64_t row, int column, std::vector<std::string> &out) const;
  /// The objects of an ObjectList cell, none for other kinds; views live as long as the table.
  std::vector<Object> objects(std::int64_t row, int column) const;

private:
  friend class DataTableBuilder;
  struct Cell {
    std::uint64_t begin = 0;  ///< byte in the arena
    std::uint32_t length = 0; ///< bytes; lists: of all items with their length prefixes
    std::uint16_t column = 0;
    CellKind kind = CellKind::Missing;
  };
  const Cell *cell(std::int64_t row, int column) const;
  /// The bytes of an ObjectList cell or of another list; empty for any other kind.
  std::string_view items(std::int64_t row, int column, bool objects) const;

  std::string file;
  std::vector<std::string> columnFiles; ///< [columns] of parallel text, else empty
  std::vector<std::string> names;
  std::vector<std::int64_t> lines;      ///< [rows]
  std::vector<std::uint64_t> rowBegins; ///< [rows]: the row's first cell
  std::vector<Cell> cells;              ///< the cells present, row after row
  std::string arena;
  bool textOnly = false;
  bool linePerItem = false;
  bool countsRows = false;
};

/// Reads a data file, the format taken from its name: .csv, .tsv, .jsonl, .json, .parquet, and
/// the CoNLL columns of .conll, .bio and .txt, each optionally followed by .gz. CoNLL files give
/// the columns "tokens" (the first) and "ner_tags" (the last; absent with one column alone).
/// Text must be UTF-8 (a byte order mark is skipped). Every error names the file and, where
/// there is one, the line. `maxRows` >= 0 keeps that many rows from the beginning. With
/// `problems` rows that cannot be read are told there and left out (ReadProblems.h).
Result<DataTable> readDataFile(const std::string &path, std::int64_t maxRows = -1,
                               ReadProblems *problems = nullptr);

/// The same from bytes in memory; `path` names the format and appears in errors. `.gz` in
/// the name means that the bytes are compressed.
Result<DataTable> parseData(std::string_view path, std::string bytes,
                            std::int64_t maxRows = -1, ReadProblems *problems = nullptr);

} // namespace ftc::rt
