// Rows are put together from columns (Melnik and others, Dremel, 2010) and handed on as the
// events of a JSON parser, so that a table from Parquet is that of the same rows in JSON lines.
#include "runtime/data/Formats.h"
#include "runtime/data/JsonRows.h"
#include "runtime/data/parquet/CellText.h"
#include "runtime/data/parquet/Column.h"
#include "runtime/support/Text.h"

#include <cmath>

namespace ftc::rt {

namespace {

using namespace parquet;

class RowAssembler {
public:
  RowAssembler(const Schema &schema, std::vector<Column> &columns, Budget &budget,
               JsonRows &events, bool goOn)
      : schema(schema), columns(columns), budget(budget), events(events), goOn(goOn) {}

  /// One row. False: failure() says why, or else the events' error does.
  bool row() {
    for (const Column &column : columns)
      if (column.atEnd() || column.repetition() != 0)
        return fail(&column, "expected as many rows in every column, got fewer");
    if (!events.start_object(std::size_t(-1)))
      return false;
    for (const std::unique_ptr<Node> &field : schema.fields)
      if (!absent(*field) && !(key(field->name) && emit(*field)))
        return false;
    for (const Column &column : columns)
      if (!column.atEnd() && column.repetition() != 0)
        return fail(&column, "expected the same rows in every column, got others");
    return events.end_object();
  }

  const Status &failure() const { return problem; }
  /// With `goOn`: a value that cannot be read, in a row that is there.
  const Status &badValue() const { return valueProblem; }

private:
  /// A value that no row can have; the columns are still side by side.
  bool refuse(const Node &node, std::string what) {
    Status status = about(first(node), std::move(what));
    if (!goOn) {
      problem = std::move(status);
      return false;
    }
    if (valueProblem)
      valueProblem = std::move(status);
    return events.null();
  }

  Status about(const Column &column, std::string what) const {
    return Status::error("column " + quote(schema.leaves[&column - columns.data()].path) +
                         ": " + what);
  }

  bool fail(const Column *column, std::string what) {
    if (problem)
      problem = about(*column, std::move(what));
    return false;
  }

  bool take(std::size_t bytes) {
    if (budget.take(bytes))
      return true;
    problem = budget.exceeded();
    return false;
  }

  bool key(std::string_view name) {
    text.assign(name);
    return take(name.size()) && events.key(text);
  }

  Column &first(const Node &node) { return columns[static_cast<std::size_t>(node.firstLeaf)]; }

  /// A class label of -1: there is none, and no cell either.
  bool absent(const Node &node) {
    if (node.classNames.empty() || node.kind != Node::Kind::Leaf)
      return false;
    Column &column = first(node);
    bool none = column.hasValue() && node.element->type != PhysicalType::ByteArray &&
                isWhole(node) && column.integer() == -1;
    if (none)
      column.advance();
    return none;
  }

  static bool isWhole(const Node &node) {
    return node.element->type == PhysicalType::Int32 ||
           node.element->type == PhysicalType::Int64;
  }

  /// Passes one entry in every column below.
  bool skip(const Node &node) {
    for (int leaf = node.firstLeaf; leaf < node.lastLeaf; ++leaf) {
      Column &column = columns[static_cast<std::size_t>(leaf)];
      if (column.atEnd())
        return fail(&column, "expected as many values as in its neighbours, got fewer");
      column.advance();
    }
    return true;
  }

  bool emit(const Node &node) {
    if (first(node).atEnd())
      return fail(&first(node), "expected as many values as in its neighbours, got fewer");
    if (first(node).definition() < node.definition)
      return skip(node) && events.null();
    switch (node.kind) {
    case Node::Kind::Leaf:
      return value(node);
    case Node::Kind::List:
      return list(node);
    case Node::Kind::Struct:
      break;
    }
    if (!events.start_object(std::size_t(-1)))
      return false;
    for (const std::unique_ptr<Node> &child : node.children)
      if (!(key(child->name) && emit(*child)))
        return false;
    return events.end_object();
  }

  bool list(const Node &node) {
    if (!events.start_array(std::size_t(-1)))
      return false;
    if (first(node).definition() < node.itemDefinition)
      return skip(node) && events.end_array();
    Column &column = first(node);
    do
      if (!emit(*node.children[0]))
        return false;
    while (!column.atEnd() && column.repetition() == node.itemRepetition);
    return events.end_array();
  }

  /// What a table has no cell for: to JSON rows a list in a list.
  bool other() {
    constexpr auto kAny = std::size_t(-1);
    return events.start_array(kAny) && events.start_array(kAny) && events.end_array() &&
           events.end_array();
  }

  bool string(const Node &node, std::string_view bytes) {
    if (!take(bytes.size())) // before anything is done with them
      return false;
    if (!isValidUtf8(bytes)) {
      if (node.element->meaning == Meaning::Text)
        return refuse(node, "expected UTF-8, got an invalid byte in " + quote(bytes, 40));
      return other();
    }
    text.assign(bytes);
    return events.string(text);
  }

  bool real(double value, bool single) {
    return std::isnan(value) ? events.null()
                             : events.number_float(value, realText(value, single));
  }

  bool decimal(const Node &node, __int128 unscaled) {
    std::int64_t scale = node.element->scale;
    if (scale < 0 || scale > 38)
      return refuse(node, "expected a decimal of at most 38 digits, got another");
    return events.number_float(0, decimalText(unscaled, static_cast<int>(scale)));
  }

  bool integer(const Node &node, std::int64_t value) {
    bool narrow = node.element->type == PhysicalType::Int32;
    int digits = node.element->timeDigits;
    if (!node.classNames.empty())
      return className(node, value);
    switch (node.element->meaning) {
    case Meaning::Decimal:
      return decimal(node, value);
    case Meaning::Date:
      return string(node, dateText(value));
    case Meaning::Time:
      return string(node, timeText(value, digits));
    case Meaning::Timestamp:
      return string(node, timestampText(value, digits, node.element->utc));
    case Meaning::Unsigned:
      return events.number_unsigned(narrow ? static_cast<std::uint32_t>(value)
                                           : static_cast<std::uint64_t>(value));
    case Meaning::Unknown:
      return other();
    default:
      return events.number_integer(value);
    }
  }

  bool className(const Node &node, std::int64_t id) {
    if (id == -1)
      return events.null();
    if (id < 0 || id >= std::ssize(node.classNames))
      return refuse(node, "expected a class below " + std::to_string(node.classNames.size()) +
                              ", as the file's features name them, got " + std::to_string(id));
    return string(node, node.classNames[static_cast<std::size_t>(id)]);
  }

  bool value(const Node &node) {
    Column &column = first(node);
    bool written = true;
    switch (*node.element->type) {
    case PhysicalType::Boolean:
      written = events.boolean(column.integer() != 0);
      break;
    case PhysicalType::Int32:
    case PhysicalType::Int64:
      written = integer(node, column.integer());
      break;
    case PhysicalType::Float:
    case PhysicalType::Double:
      written = real(column.real(), *node.element->type == PhysicalType::Float);
      break;
    case PhysicalType::Int96:
      written = other();
      break;
    default:
      if (node.element->meaning == Meaning::Decimal)
        written =
            column.text().size() <= 16 ? decimal(node, bigEndian(column.text())) : other();
      else if (node.element->meaning == Meaning::Unknown ||
               *node.element->type == PhysicalType::FixedLenByteArray)
        written = other();
      else
        written = string(node, column.text());
    }
    column.advance();
    return written;
  }

  const Schema &schema;
  std::vector<Column> &columns;
  Budget &budget; ///< of texts: a dictionary's may stand in any number of places
  JsonRows &events;
  bool goOn; ///< past a value that cannot be read
  Status problem, valueProblem;
  std::string text;
};

/// Where the rows of all groups go.
struct RowSink {
  DataTableBuilder &builder;
  Budget &budget;
  ReadProblems *problems; ///< of values that cannot be read; null: the first ends it
  std::int64_t most;      ///< rows; below 0: all
  std::int64_t row = 0;   ///< the one read last, from 1

  bool full() const { return most >= 0 && builder.rows() >= most; }
};

/// Appends one row group's rows.
Status readRowGroup(std::string_view file, const Footer &footer, const Schema &schema,
                    const RowGroup &group, RowSink &sink) {
  if (group.columns.size() != schema.leaves.size())
    return Status::error("expected " + std::to_string(schema.leaves.size()) +
                         " columns, as in the schema, got " +
                         std::to_string(group.columns.size()));
  std::vector<Column> columns;
  for (std::size_t i = 0; i < group.columns.size(); ++i) {
    Result<Column> column =
        Column::read(file, footer, group.columns[i], schema.leaves[i], sink.budget);
    if (!column)
      return column.takeStatus().withContext("column " + quote(schema.leaves[i].path));
    columns.push_back(column.take());
  }
  for (std::int64_t row = 0; row < group.rows && !sink.full(); ++row) {
    std::string where = "row " + std::to_string(++sink.row);
    JsonRows events(sink.builder, sink.row, JsonShape::Row, -1);
    RowAssembler assembler(schema, columns, sink.budget, events, sink.problems != nullptr);
    if (!assembler.row())
      return assembler.failure() ? events.error()
                                 : Status(assembler.failure()).withContext(where);
    if (!assembler.badValue()) {
      sink.builder.dropRow();
      sink.problems->add(sink.row,
                         sink.builder.where(sink.row) + ": " + assembler.badValue().message());
    }
    if (!sink.budget.take(16 * schema.leaves.size()))
      return sink.budget.exceeded();
  }
  for (std::size_t i = 0; !sink.full() && i < columns.size(); ++i)
    if (!columns[i].atEnd())
      return Status::error("column " + quote(schema.leaves[i].path) + ": expected " +
                           std::to_string(group.rows) + " rows, got more");
  return {};
}

} // namespace

Result<DataTable> parseParquet(std::string_view path, std::string_view file,
                               std::int64_t maxRows, ReadProblems *problems) {
  std::string shown = escape(path, 160);
  FTC_ASSIGN_OR_RETURN(Footer footer, readFooter(path, file));
  Result<Schema> schema = makeSchema(footer);
  if (!schema)
    return schema.takeStatus().withContext(shown);
  if (!footer.huggingface.empty())
    nameClasses(footer.huggingface, *schema);
  DataTableBuilder builder(path, file.size(), /*untyped=*/false);
  builder.setCountsRows();
  if (problems)
    problems->countsRows = true;
  Budget budget(file.size());
  RowSink sink{builder, budget, problems, maxRows};
  for (std::size_t group = 0; group < footer.rowGroups.size() && !sink.full(); ++group) {
    Status read = readRowGroup(file, footer, *schema, footer.rowGroups[group], sink);
    if (!read && read.message().starts_with(shown + ": ")) // as JSON rows name their place
      return read;
    if (!read)
      return std::move(read).withContext(shown + ": row group " + std::to_string(group));
  }
  if (maxRows < 0 && sink.row != footer.rows)
    return Status::error(shown + ": expected " + std::to_string(footer.rows) +
                         " rows, as the footer says, got " + std::to_string(sink.row));
  if (builder.rows() == 0 && maxRows != 0 && !(problems && problems->total()))
    return Status::error(shown + ": expected rows of data, got none");
  return builder.take();
}

} // namespace ftc::rt
