// Whole tables to examples, with what was cut counted.
#include "runtime/tasks/Task.h"

#include <algorithm>
#include <span>

namespace ftc::rt {

namespace {

void count(EncodedTable &encoded, const Example &example) {
  encoded.cuts.examples += example.truncated > 0;
  encoded.cuts.tokens += example.truncated;
  encoded.cuts.targets += example.truncatedTarget > 0;
  encoded.cuts.targetTokens += example.truncatedTarget;
  encoded.longest = std::max(encoded.longest, example.tokens());
}

/// The table's first `rows` rows by `encode(row, examples)`, each example looked at.
template <typename Encode>
Result<EncodedTable> encodeRows(const DataTable &table, std::int64_t rows,
                                const Encode &encode) {
  EncodedTable encoded;
  encoded.examples.reserve(rows);
  for (std::int64_t row = 0; row < rows; ++row) {
    std::size_t first = encoded.examples.size();
    FTC_RETURN_IF_ERROR(encode(row, encoded.examples));
    for (const Example &example : std::span(encoded.examples).subspan(first)) {
      FTC_RETURN_IF_ERROR(checkTokens(table, example));
      count(encoded, example);
    }
  }
  return encoded;
}

} // namespace

Status checkTokens(const DataTable &table, const Example &example) {
  if (!example.ids.empty())
    return {};
  return Status::error("the text has no token: an example needs at least one")
      .withContext(table.where(example.row));
}

Status Task::encodeExamples(const DataTable &table, std::int64_t row,
                            const TaskColumns &columns, const LabelSet &labels,
                            const Tokenizer &tokenizer, const EncodeSettings &settings,
                            std::vector<Example> &out) const {
  FTC_ASSIGN_OR_RETURN(Example example,
                       encode(table, row, columns, labels, tokenizer, settings));
  out.push_back(std::move(example));
  return {};
}

Status Task::checkTable(const DataTable &table, const TaskColumns &columns,
                        const EncodeSettings &settings) const {
  for (std::int64_t row = 0; row < table.rows(); ++row)
    FTC_RETURN_IF_ERROR(checkRow(table, row, columns, settings));
  return {};
}

Result<EncodedTable> encodeTable(const Task &task, const DataTable &table,
                                 const TaskColumns &columns, const LabelSet &labels,
                                 const Tokenizer &tokenizer, const EncodeSettings &settings,
                                 std::int64_t maxRows) {
  std::int64_t rows = maxRows < 0 ? table.rows() : std::min(maxRows, table.rows());
  return encodeRows(table, rows, [&](std::int64_t row, std::vector<Example> &out) {
    return task.encodeExamples(table, row, columns, labels, tokenizer, settings, out);
  });
}

Result<EncodedTable> encodeTableForPrediction(const Task &task, const DataTable &table,
                                              const TaskColumns &columns,
                                              const Tokenizer &tokenizer,
                                              const EncodeSettings &settings) {
  return encodeRows(table, table.rows(), [&](std::int64_t row, std::vector<Example> &out) {
    return task.encodeForPrediction(table, row, columns, tokenizer, settings, out);
  });
}

/// Adds a row.
static void measure(std::span<const std::int32_t> ids, TokenStatistics &statistics) {
  statistics.lengths.push_back(static_cast<std::int64_t>(ids.size()));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0) // a start token that is not known yet
      continue;
    auto id = static_cast<std::size_t>(ids[i]);
    if (id >= statistics.earliest.size())
      statistics.earliest.resize(id + 1, TokenStatistics::kNowhere);
    statistics.earliest[id] = std::min(statistics.earliest[id], static_cast<std::int32_t>(i));
  }
}

Result<TokenStatistics> measureTokens(const Task &task, const DataTable &table,
                                      const TaskColumns &columns, const Tokenizer &tokenizer,
                                      const EncodeSettings &settings, TokenStatistics *target) {
  TaskColumns inputs = columns;
  if (!task.hasTargetText())
    inputs.label = -1;
  TokenStatistics statistics;
  statistics.lengths.reserve(table.rows());
  for (std::int64_t row = 0; row < table.rows(); ++row) {
    FTC_ASSIGN_OR_RETURN(Example example,
                         task.encode(table, row, inputs, LabelSet(), tokenizer, settings));
    measure(example.ids, statistics);
    if (target)
      measure(example.targetIds, *target);
  }
  return statistics;
}

} // namespace ftc::rt
