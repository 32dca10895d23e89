// Multi-label text classification: a text or a pair of sentences, and any number of labels.
#include "runtime/io/Json.h"
#include "runtime/support/Text.h"
#include "runtime/tasks/Columns.h"
#include "runtime/tasks/LabelCollector.h"
#include "runtime/tasks/MultiLabelOutputs.h"
#include "runtime/tasks/TextTask.h"

#include <algorithm>

namespace ftc::rt {

namespace {

class MultiLabelClassification final : public TextTask {
public:
  std::string_view problemType() const override { return kMultiLabel; }
  std::int64_t targetWidth(const LabelSet &labels) const override { return labels.size(); }

  Result<LabelSet> collectLabels(const DataTable &table, const TaskColumns &columns,
                                 std::span<const std::string>) const override {
    std::vector<std::string> names;
    if (!columns.indicators.empty()) {
      for (std::int64_t row = 0; row < table.rows(); ++row)
        FTC_RETURN_IF_ERROR(readLabels(table, row, columns, names));
      names.clear();
      for (int column : columns.indicators)
        names.push_back(table.columns()[column]);
      return LabelSet(std::move(names));
    }
    LabelCollector collector(table.untyped());
    for (std::int64_t row = 0; row < table.rows(); ++row) {
      FTC_RETURN_IF_ERROR(readLabels(table, row, columns, names));
      bool integers = table.kind(row, columns.label) == CellKind::IntegerList;
      for (const std::string &name : names)
        collector.add(name, integers);
    }
    return collector.finish(table, columns.label);
  }

  Status checkRow(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                  const EncodeSettings &) const override {
    FTC_RETURN_IF_ERROR(checkInputs(table, row, columns));
    RowLabels labels;
    return columns.label < 0 ? Status::ok() : readRowLabels(table, row, columns, labels);
  }

  Status readRowLabels(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                       RowLabels &out) const override {
    out.integers = table.kind(row, columns.label) == CellKind::IntegerList;
    return readLabels(table, row, columns, out.names);
  }

  Result<LabelSet> labelsFromNames(std::vector<std::string> names,
                                   std::span<const std::string>) const override {
    return orderNamedLabels(std::move(names));
  }

  Result<Example> encode(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                         const LabelSet &labels, const Tokenizer &tokenizer,
                         const EncodeSettings &settings) const override {
    FTC_ASSIGN_OR_RETURN(Example example, encodeText(table, row, columns, tokenizer, settings));
    if (columns.label < 0)
      return example;
    example.targets.assign(labels.size(), 0.0f);
    if (!columns.indicators.empty())
      FTC_RETURN_IF_ERROR(checkIndicators(table, columns, labels));
    std::vector<std::string> names;
    FTC_RETURN_IF_ERROR(readLabels(table, row, columns, names));
    for (const std::string &name : names) {
      std::int32_t id = labels.find(name);
      if (id < 0)
        return unknownLabel(table, row, 0, name, labels);
      example.targets[id] = 1.0f;
    }
    return example;
  }

  bool knowsLabels(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                   const LabelSet &labels) const override {
    if (columns.label < 0)
      return true;
    if (!columns.indicators.empty() && !checkIndicators(table, columns, labels))
      return false;
    std::vector<std::string> names;
    return readLabels(table, row, columns, names) &&
           std::all_of(names.begin(), names.end(),
                       [&](const std::string &name) { return labels.find(name) >= 0; });
  }

  std::unique_ptr<TaskOutputs> makeOutputs(const OutputSource &source) const override {
    return std::make_unique<MultiLabelOutputs>(source.examples, source.labels);
  }

  /// The first of the row's labels, or that it has none.
  std::optional<std::int32_t> stratumOfRow(const DataTable &table, std::int64_t row,
                                           const TaskColumns &columns,
                                           const LabelSet &labels) const override {
    std::vector<std::string> names;
    if (!readLabels(table, row, columns, names) || names.empty())
      return 0;
    std::int32_t first = labels.size();
    for (const std::string &name : names)
      first = std::min(first, labels.find(name));
    return first + 1;
  }

private:
  /// Every label has its column, and no column is without a label.
  static Status checkIndicators(const DataTable &table, const TaskColumns &columns,
                                const LabelSet &labels) {
    std::int64_t known = 0;
    for (int column : columns.indicators)
      known += labels.find(table.columns()[column]) >= 0;
    if (known == labels.size() && columns.indicators.size() == labels.names().size())
      return {};
    return Status::error(escape(table.path(), 120) +
                         ": expected --label_column_name to name a "
                         "column for each label and no other; the labels are " +
                         labels.listing());
  }

  /// The names of the columns that hold 1 in this row.
  static Status readIndicators(const DataTable &table, std::int64_t row,
                               const std::vector<int> &indicators,
                               std::vector<std::string> &names) {
    for (int column : indicators) {
      std::string_view text = table.text(row, column);
      bool on = text == "1" || text == "1.0" || text == "true" || text == "True";
      bool off = text == "0" || text == "0.0" || text == "false" || text == "False";
      if ((!on && !off) || (!table.untyped() && table.kind(row, column) == CellKind::Text))
        return Status::error(table.where(row) + ": expected 0 or 1 in " +
                             table.describeColumn(column) + ", got " +
                             (text.empty()
                                  ? std::string(cellKindPhrase(table.kind(row, column)))
                                  : quote(text, 30)));
      if (on)
        names.push_back(table.columns()[column]);
    }
    return {};
  }

  /// The row's labels: a list, what the delimiter splits, the columns that hold 1, or in files
  /// that know text alone a JSON list as text.
  static Status readLabels(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                           std::vector<std::string> &names) {
    names.clear();
    if (!columns.indicators.empty())
      return readIndicators(table, row, columns.indicators, names);
    int column = columns.label;
    CellKind kind = table.kind(row, column);
    bool listed = kind == CellKind::TextList || kind == CellKind::IntegerList ||
                  (kind == CellKind::Text && isListText(table.text(row, column)));
    if (!columns.labelDelimiter.empty() && listed)
      return Status::error(table.where(row) + ": expected a text that --label_delimiter splits in " +
                           table.describeColumn(column) + ", got " +
                           (kind == CellKind::Text ? quote(table.text(row, column), 30)
                                                   : std::string(cellKindPhrase(kind))) +
                           "; leave the flag out where labels are lists");
    if (!columns.labelDelimiter.empty() && table.kind(row, column) == CellKind::Text)
      splitLabels(table.text(row, column), columns.labelDelimiter, names);
    else if (table.untyped() && table.kind(row, column) == CellKind::Text)
      FTC_RETURN_IF_ERROR(parseLabels(table, row, column, names));
    else if (Status listed = checkList(table, row, column, /*integers=*/true); !listed)
      return listed;
    else
      table.list(row, column, names);
    for (const std::string &name : names)
      if (name.empty())
        return Status::error(table.where(row) + ": expected labels in " +
                             table.describeColumn(column) +
                             ", got an empty one; give it a name or remove it");
    return {};
  }

  /// The parts of `text` without the blanks around them; empty text has none.
  static void splitLabels(std::string_view text, std::string_view delimiter,
                          std::vector<std::string> &names) {
    auto trim = [](std::string_view part) {
      std::size_t begin = part.find_first_not_of(" \t");
      std::size_t end = part.find_last_not_of(" \t");
      return begin == std::string_view::npos ? std::string_view()
                                             : part.substr(begin, end - begin + 1);
    };
    if (trim(text).empty())
      return;
    for (;;) {
      std::size_t at = text.find(delimiter);
      names.emplace_back(trim(text.substr(0, at)));
      if (at == std::string_view::npos)
        return;
      text.remove_prefix(at + delimiter.size());
    }
  }

  static Status parseLabels(const DataTable &table, std::int64_t row, int column,
                            std::vector<std::string> &names) {
    std::string_view text = table.text(row, column);
    Result<Json> list = parseJson(text, table.where(row));
    bool good = list && list->is_array();
    for (std::size_t i = 0; good && i < list->size(); ++i) {
      const Json &item = (*list)[i];
      good = item.is_string() || item.is_number_integer();
      if (good)
        names.push_back(item.is_string() ? item.get<std::string>() : item.dump());
    }
    if (good)
      return {};
    return Status::error(table.where(row) + ": expected a JSON list of labels in " +
                         table.describeColumn(column) +
                         ", such as [\"a\", \"b\"], or --label_delimiter, got " +
                         quote(text, 60));
  }
};

} // namespace

const Task *multiLabelTask() {
  static const MultiLabelClassification task;
  return &task;
}

} // namespace ftc::rt
