// The state machine behind JSON rows: one place at a time, no recursion, bounded nesting.
#include "runtime/data/JsonRows.h"

#include "runtime/data/Formats.h"
#include "runtime/io/JsonEvents.h"
#include "runtime/support/Text.h"

namespace ftc::rt {

namespace {

/// Objects nested deeper than this inside a row become cells that no task reads.
constexpr std::size_t kMaxNesting = 8;

} // namespace

bool JsonRows::failWith(Status status) {
  if (failure)
    failure = std::move(status);
  return false;
}

bool JsonRows::fail(std::string_view expected, std::string_view found) {
  return failWith(Status::error(builder.where(line) + ": expected " + std::string(expected) +
                                ", got " + std::string(found)));
}

bool JsonRows::parse_error(std::size_t, const std::string &, const json::exception &reason) {
  return failWith(Status::error(builder.where(line) + ": expected JSON, got (" +
                                jsonReasonInLine(reason.what()) + ")"));
}

bool JsonRows::beginRow() {
  if (maxRows >= 0 && builder.rows() >= maxRows) {
    stopped = true;
    return false;
  }
  if (problems) // what stands before the row's brace
    problems->tellInvalidLines(*consumed - 1);
  builder.beginRow(line);
  name.clear();
  prefixes.clear();
  place = Place::Row;
  return true;
}

void JsonRows::watch(ReadProblems &into, const std::size_t &end) {
  problems = &into;
  consumed = &end;
}

bool JsonRows::endRow() {
  if (problems && problems->tellInvalidRow(*consumed))
    builder.dropRow();
  place = shape == JsonShape::Row ? Place::Done : Place::RowList;
  return true;
}

/// A list under a top-level key turns out to be a column (or, beside rows, nothing).
bool JsonRows::beginColumn() {
  if (rowsInData)
    return skipFrom(1, Place::TopObject);
  Result<int> index = builder.column(topKey);
  if (!index)
    return failWith(index.takeStatus());
  column = *index;
  if (!columnTable)
    builder.beginRow(line);
  if (builder.hasCell(column))
    return fail("each column once", quote(topKey) + " twice");
  columnTable = true;
  place = Place::ColumnList;
  return true;
}

/// Finds the column of the cell that begins here and where its bytes go.
bool JsonRows::beginCell() {
  cellBegin = builder.arena().size();
  if (place == Place::ColumnList) {
    if (column == 0)
      columnLines.push_back(line);
    return true;
  }
  Result<int> index = builder.column(name);
  if (!index)
    return failWith(index.takeStatus());
  column = *index;
  if (builder.hasCell(column))
    return fail("each key once in a row", quote(name) + " twice");
  return true;
}

bool JsonRows::closeCell(CellKind kind) {
  Status status = builder.closeCell(column, kind, cellBegin);
  return status ? true : failWith(std::move(status));
}

bool JsonRows::value(CellKind kind, std::string_view text) {
  switch (place) {
  case Place::Skip:
    return true;
  case Place::List:
    return listItem(kind, text);
  case Place::Object:
    return member(kind, text);
  case Place::DataList:
    return beginColumn() && value(kind, text);
  case Place::TopObject:
    topLevelScalar = true;
    return true;
  case Place::Row:
  case Place::ColumnList:
    if (!beginCell())
      return false;
    builder.arena().append(text);
    return closeCell(kind);
  case Place::RowList:
    return fail("a list of objects", "one that holds " + std::string(cellKindPhrase(kind)));
  default:
    return fail(shape == JsonShape::Row ? "an object" : "a list of objects or an object",
                cellKindPhrase(kind));
  }
}

bool JsonRows::listItem(CellKind kind, std::string_view text) {
  bool fits = kind == CellKind::Text || kind == CellKind::Integer;
  CellKind wanted = kind == CellKind::Text ? CellKind::TextList : CellKind::IntegerList;
  if (!fits || (!listEmpty && wanted != listKind)) {
    builder.arena().resize(cellBegin);
    return skipFrom(1, listPlace);
  }
  listKind = wanted;
  listEmpty = false;
  builder.appendItem(text);
  return true;
}

/// An object begins inside a list: its item, unless the list has items of another kind.
bool JsonRows::beginObject() {
  if (!listEmpty && listKind != CellKind::ObjectList) {
    builder.arena().resize(cellBegin);
    return skipFrom(2, listPlace); // the list and this object
  }
  listKind = CellKind::ObjectList;
  listEmpty = false;
  memberKeys.clear();
  place = Place::Object;
  return true;
}

bool JsonRows::member(CellKind kind, std::string_view text) {
  if (!memberKeys.insert(memberKey).second)
    return fail("each key once in an object", quote(memberKey) + " twice");
  builder.appendMember(memberKey, kind, text);
  return true;
}

/// Ignores everything until `depth` more objects and lists have ended.
bool JsonRows::skipFrom(std::size_t depth, Place outer) {
  outerPlace = outer;
  place = Place::Skip;
  skipDepth = depth;
  return true;
}

bool JsonRows::endSkip() {
  if (--skipDepth > 0)
    return true;
  place = outerPlace;
  if (place == Place::TopObject)
    return true;
  return place == Place::Object ? member(CellKind::Other, {}) : closeCell(CellKind::Other);
}

bool JsonRows::start_object(std::size_t) {
  switch (place) {
  case Place::Start:
    if (shape == JsonShape::Row)
      return beginRow();
    place = Place::TopObject;
    return true;
  case Place::TopObject:
    topLevelScalar = true;
    return skipFrom(1, Place::TopObject);
  case Place::DataList:
    if (topKey != "data" || columnTable || rowsInData)
      return skipFrom(2, Place::TopObject); // the list and this object
    rowsInData = true;
    return beginRow();
  case Place::RowList:
    return beginRow();
  case Place::Row:
    if (prefixes.size() + 1 < kMaxNesting) {
      prefixes.push_back(name.size());
      return true;
    }
    return beginCell() && skipFrom(1, Place::Row);
  case Place::ColumnList:
    return beginCell() && skipFrom(1, Place::ColumnList);
  case Place::List:
    return beginObject();
  case Place::Object:
    return skipFrom(1, Place::Object);
  default:
    ++skipDepth;
    return true;
  }
}

bool JsonRows::key(std::string &text) {
  if (place == Place::TopObject)
    topKey = text;
  if (place == Place::Object)
    memberKey = text;
  if (place != Place::Row)
    return true;
  name.resize(prefixes.empty() ? 0 : prefixes.back());
  if (!prefixes.empty())
    name.push_back('.');
  name += text;
  return true;
}

bool JsonRows::end_object() {
  if (place == Place::Skip)
    return endSkip();
  if (place == Place::Object) {
    builder.endObject();
    place = Place::List;
    return true;
  }
  if (place == Place::TopObject) {
    place = Place::Done;
    return true;
  }
  if (prefixes.empty())
    return endRow();
  prefixes.pop_back();
  return true;
}

bool JsonRows::beginList() {
  Place outer = place;
  if (!beginCell())
    return false;
  listPlace = outer;
  place = Place::List;
  listKind = CellKind::TextList;
  listEmpty = true;
  return true;
}

bool JsonRows::start_array(std::size_t) {
  switch (place) {
  case Place::Start:
    if (shape == JsonShape::Row)
      return fail("an object", "a list");
    place = Place::RowList;
    return true;
  case Place::TopObject:
    place = Place::DataList;
    return true;
  case Place::DataList:
    return beginColumn() && start_array(0);
  case Place::RowList:
    return fail("a list of objects", "a list of lists");
  case Place::Row:
  case Place::ColumnList:
    return beginList();
  case Place::List:
    builder.arena().resize(cellBegin);
    return skipFrom(2, listPlace); // both lists
  case Place::Object:
    return skipFrom(1, Place::Object);
  default:
    ++skipDepth;
    return true;
  }
}

bool JsonRows::end_array() {
  switch (place) {
  case Place::Skip:
    return endSkip();
  case Place::List:
    place = listPlace;
    return closeCell(listKind);
  case Place::RowList:
    place = rowsInData ? Place::TopObject : Place::Done;
    return true;
  default:
    place = Place::TopObject;
    return true;
  }
}

Status JsonRows::finish() {
  if (columnTable && !rowsInData)
    FTC_RETURN_IF_ERROR(builder.transpose(columnLines));
  if (maxRows >= 0)
    builder.keepRows(maxRows);
  return {};
}

} // namespace ftc::rt
