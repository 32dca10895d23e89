// JsonRows: the events of a JSON parser become table rows; no document tree is built.
#pragma once

#include "runtime/data/DataTableBuilder.h"
#include "runtime/data/ReadProblems.h"

#include <nlohmann/json.hpp>

#include <set>

namespace ftc::rt {

/// How the outermost value is read.
enum class JsonShape {
  Row,   ///< one object: one row (a JSON line)
  Table, ///< a list of objects, {"data": [objects]}, or an object of columns
};

/// A handler for nlohmann's SAX interface. Returning false stops the parser; error() says why.
class JsonRows {
public:
  using json = nlohmann::json;

  /// `line` is the line the parser is in, advanced by whoever feeds it.
  JsonRows(DataTableBuilder &builder, const std::int64_t &line, JsonShape shape,
           std::int64_t maxRows)
      : builder(builder), line(line), shape(shape), maxRows(maxRows) {}

  /// Leaves out rows with bytes that are not UTF-8, and tells them. `consumed`: bytes that the
  /// parser has read, advanced by whoever feeds it.
  void watch(ReadProblems &problems, const std::size_t &consumed);

  /// The first error, or ok.
  const Status &error() const { return failure; }
  /// True when the parser was stopped because there are enough rows.
  bool enough() const { return stopped; }
  /// Ends a Table: turns columns into rows.
  Status finish();
  /// True when a Table's rows stood under its key "data".
  bool rowsUnderData() const { return rowsInData; }
  /// True between a row's beginning and its end.
  bool insideRow() const {
    return place != Place::Start && place != Place::TopObject && place != Place::DataList &&
           place != Place::RowList && place != Place::Done;
  }
  /// True of an object of columns.
  bool ofColumns() const { return columnTable; }
  /// True when a Table was one object with values that are no lists: a row, not columns.
  bool looksLikeOneRow() const { return topLevelScalar && !rowsInData; }

  bool null() { return value(CellKind::Missing, {}); }
  bool boolean(bool truth) { return value(CellKind::Boolean, truth ? "true" : "false"); }
  bool number_integer(std::int64_t number) {
    return value(CellKind::Integer, std::to_string(number));
  }
  bool number_unsigned(std::uint64_t number) {
    return value(number >> 63 ? CellKind::Real : CellKind::Integer, std::to_string(number));
  }
  bool number_float(double, const std::string &digits) {
    return value(CellKind::Real, digits);
  }
  bool string(std::string &text) { return value(CellKind::Text, text); }
  bool binary(json::binary_t &) { return fail("a string or a number", "binary data"); }
  bool start_object(std::size_t);
  bool end_object();
  bool start_array(std::size_t);
  bool end_array();
  bool key(std::string &name);
  bool parse_error(std::size_t, const std::string &, const json::exception &reason);

private:
  // Where the next event belongs. Outer places come first, values inside a row last.
  enum class Place {
    Start,     ///< before the outermost value
    TopObject, ///< inside {"data": …} or an object of columns
    DataList,  ///< inside the list under a top-level key, before its first item is known
    RowList,   ///< inside a list of rows
    ColumnList, ///< inside a column of an object of columns
    Row,       ///< inside a row's object (or an object nested in it)
    List,      ///< inside a list that is a cell
    Object,    ///< inside an object that is an item of such a list
    Skip,      ///< inside a value that no cell can hold
    Done
  };

  bool value(CellKind kind, std::string_view text);
  bool listItem(CellKind kind, std::string_view text);
  bool skipFrom(std::size_t depth, Place outer);
  bool endSkip();
  bool beginList();
  bool closeCell(CellKind kind);
  bool beginObject();
  bool member(CellKind kind, std::string_view text);
  bool beginRow();
  bool endRow();
  bool beginColumn();
  bool beginCell();
  bool fail(std::string_view expected, std::string_view found);
  bool failWith(Status status);

  DataTableBuilder &builder;
  const std::int64_t &line;
  JsonShape shape;
  std::int64_t maxRows;
  ReadProblems *problems = nullptr;
  const std::size_t *consumed = nullptr;
  Status failure;
  bool stopped = false, topLevelScalar = false, columnTable = false, rowsInData = false;

  Place place = Place::Start;
  Place outerPlace = Place::Start; ///< where a skipped value was met
  Place listPlace = Place::Start;  ///< where a list was met
  std::string topKey;
  std::vector<std::size_t> prefixes; ///< lengths of `name` at each nested object
  std::string name;                  ///< "outer.inner" of the cell at hand
  int column = 0;
  std::size_t cellBegin = 0;
  CellKind listKind = CellKind::TextList;
  bool listEmpty = true;
  std::string memberKey;                          ///< of the object in a list at hand
  std::set<std::string, std::less<>> memberKeys; ///< those that the object has had
  std::size_t skipDepth = 0;
  std::vector<std::int64_t> columnLines; ///< lines of the first column's cells
};

} // namespace ftc::rt
