// Sources and targets are tokenized as transformers' run_summarization.py and
// run_translation.py do: each with its own special tokens, each cut to its own length.
#include "runtime/tasks/TargetText.h"

#include "runtime/tasks/Columns.h"

#include <algorithm>
#include <tuple>

namespace ftc::rt {

namespace {

/// A text's ids with special tokens, cut to `maxLength`; fails where there is none.
Result<Encoding> encodeCell(const DataTable &table, std::int64_t row, int column,
                            const std::string &prefix, const Tokenizer &tokenizer,
                            std::int32_t maxLength) {
  FTC_ASSIGN_OR_RETURN(std::string_view text, readText(table, row, column));
  EncodeOptions options;
  options.maxLength = maxLength;
  Result<Encoding> encoding = prefix.empty()
                                  ? tokenizer.encode(text, options)
                                  : tokenizer.encode(std::string(prefix).append(text), options);
  if (!encoding)
    return encoding.takeStatus().withContext(table.whereCell(row, column));
  if (encoding->ids.empty())
    return Status::error(table.whereCell(row, column) +
                         ": expected a text with at least one token, got an empty one, and the "
                         "tokenizer adds no special token");
  return encoding;
}

} // namespace

Result<Example> TargetTextTask::encode(const DataTable &table, std::int64_t row,
                                       const TaskColumns &columns, const LabelSet &,
                                       const Tokenizer &tokenizer,
                                       const EncodeSettings &settings) const {
  const TargetSettings &target = settings.target;
  Example example;
  example.row = row;
  example.line = table.line(row);
  FTC_ASSIGN_OR_RETURN(Encoding source,
                       encodeCell(table, row, columns.text, target.sourcePrefix, tokenizer,
                                  settings.maxSeqLength));
  example.ids = std::move(source.ids);
  example.typeIds.assign(example.ids.size(), 0);
  example.truncated = source.truncated;
  if (columns.label < 0) {
    // Nothing to learn: one row that counts nothing.
    example.labels = {kIgnoredLabel};
    example.targetIds = {std::max(target.decoderStart, 0)};
    return example;
  }
  FTC_ASSIGN_OR_RETURN(Encoding written,
                       encodeCell(table, row, columns.label, {},
                                  target.tokenizer ? *target.tokenizer : tokenizer,
                                  target.maxLength));
  example.labels = std::move(written.ids);
  example.truncatedTarget = written.truncated;
  std::int32_t start = target.decoderStart >= 0 ? target.decoderStart : example.labels.back();
  example.targetIds = {start};
  example.targetIds.insert(example.targetIds.end(), example.labels.begin(),
                           example.labels.end() - 1);
  return example;
}

Status TargetTextTask::checkRoom(const Tokenizer &tokenizer,
                                 const EncodeSettings &settings) const {
  const TargetSettings &target = settings.target;
  for (auto [flag, with, limit] :
       {std::tuple("--max_source_length", &tokenizer, settings.maxSeqLength),
        std::tuple("--max_target_length", target.tokenizer ? target.tokenizer : &tokenizer,
                   target.maxLength)}) {
    FTC_ASSIGN_OR_RETURN(Encoding around, with->encode("", EncodeOptions()));
    auto least = static_cast<std::int32_t>(around.ids.size()) + 1;
    if (limit > 0 && limit < least)
      return Status::usage(std::string(flag) + ": expected at least " + std::to_string(least) +
                           ", the tokens around a text and one of its own, got " +
                           std::to_string(limit));
  }
  return {};
}

Status TargetTextTask::encodeForPrediction(const DataTable &table, std::int64_t row,
                                           const TaskColumns &columns,
                                           const Tokenizer &tokenizer,
                                           const EncodeSettings &settings,
                                           std::vector<Example> &out) const {
  TaskColumns source = columns;
  source.label = -1;
  FTC_ASSIGN_OR_RETURN(Example example,
                       encode(table, row, source, LabelSet(), tokenizer, settings));
  out.push_back(std::move(example));
  return {};
}

} // namespace ftc::rt
