// Whole tables to examples, with what was cut counted.
#include "runtime/tasks/Task.h"

#include <algorithm>

namespace ftc::rt {

namespace {

void count(EncodedTable &encoded, const Example &example) {
  encoded.truncatedExamples += example.truncated > 0;
  encoded.truncatedTokens += example.truncated;
  encoded.truncatedTargets += example.truncatedTarget > 0;
  encoded.longest = std::max(encoded.longest, example.tokens());
}

} // namespace

Status Task::encodeExamples(const DataTable &table, std::int64_t row,
                            const TaskColumns &columns, const LabelSet &labels,
                            const Tokenizer &tokenizer, const EncodeSettings &settings,
                            std::vector<Example> &out) const {
  FTC_ASSIGN_OR_RETURN(Example example,
                       encode(table, row, columns, labels, tokenizer, settings));
  out.push_back(std::move(example));
  return {};
}

Result<EncodedTable> encodeTable(const Task &task, const DataTable &table,
                                 const TaskColumns &columns, const LabelSet &labels,
                                 const Tokenizer &tokenizer, const EncodeSettings &settings,
                                 std::int64_t maxRows) {
  EncodedTable encoded;
  std::int64_t rows = maxRows < 0 ? table.rows() : std::min(maxRows, table.rows());
  encoded.examples.reserve(rows);
  for (std::int64_t row = 0; row < rows; ++row)
    FTC_RETURN_IF_ERROR(task.encodeExamples(table, row, columns, labels, tokenizer, settings,
                                            encoded.examples));
  for (const Example &example : encoded.examples)
    count(encoded, example);
  return encoded;
}

Result<EncodedTable> encodeTableForPrediction(const Task &task, const DataTable &table,
                                              const TaskColumns &columns,
                                              const Tokenizer &tokenizer,
                                              const EncodeSettings &settings) {
  EncodedTable encoded;
  for (std::int64_t row = 0; row < table.rows(); ++row)
    FTC_RETURN_IF_ERROR(task.encodeForPrediction(table, row, columns, tokenizer, settings,
                                                 encoded.examples));
  for (const Example &example : encoded.examples)
    count(encoded, example);
  return encoded;
}

Result<std::vector<std::int64_t>> measureLengths(const Task &task, const DataTable &table,
                                                 const TaskColumns &columns,
                                                 const Tokenizer &tokenizer,
                                                 const EncodeSettings &settings,
                                                 std::vector<std::int64_t> *target) {
  TaskColumns inputs = columns;
  if (!task.hasTargetText())
    inputs.label = -1;
  std::vector<std::int64_t> lengths;
  lengths.reserve(table.rows());
  for (std::int64_t row = 0; row < table.rows(); ++row) {
    FTC_ASSIGN_OR_RETURN(Example example,
                         task.encode(table, row, inputs, LabelSet(), tokenizer, settings));
    lengths.push_back(example.tokens());
    if (target)
      target->push_back(example.targetTokens());
  }
  return lengths;
}

} // namespace ftc::rt
