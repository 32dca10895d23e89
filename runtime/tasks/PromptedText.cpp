// A decoder's examples of a source and a target: prompt, target, end of text.
#include "runtime/tasks/PromptedText.h"

#include "runtime/tasks/Columns.h"

#include <algorithm>

namespace ftc::rt {

namespace {

/// The smaller of two lengths, of which 0 is no limit.
std::int32_t smallerLimit(std::int32_t a, std::int32_t b) {
  return a > 0 && b > 0 ? std::min(a, b) : std::max(a, b);
}

/// A target's ids without special tokens, cut so that `end` (-1: none) fits behind them, and
/// that. 0: never cut.
Result<Encoding> encodeTarget(std::string_view text, const Tokenizer &tokenizer,
                              std::int32_t limit, std::int32_t end) {
  EncodeOptions options;
  options.addSpecialTokens = false;
  FTC_ASSIGN_OR_RETURN(Encoding encoding, tokenizer.encode(text, options));
  std::size_t room =
      limit > 0 ? static_cast<std::size_t>(limit - (end >= 0)) : encoding.ids.size();
  if (encoding.ids.size() > room) {
    encoding.truncated = static_cast<std::int64_t>(encoding.ids.size() - room);
    encoding.ids.resize(room);
  }
  if (end >= 0)
    encoding.ids.push_back(end);
  return encoding;
}

} // namespace

Result<Encoding> PromptedTextTask::encodeSeparator(const Tokenizer &tokenizer,
                                                   std::int32_t limit) const {
  EncodeOptions options;
  options.addSpecialTokens = false;
  FTC_ASSIGN_OR_RETURN(Encoding behind, tokenizer.encode(separator(), options));
  auto size = static_cast<std::int32_t>(behind.ids.size());
  if (limit > 0 && limit < size + 2)
    return Status::usage("--max_source_length: expected at least " + std::to_string(size + 2) +
                         " tokens of a prompt, of which " + std::to_string(size) +
                         " stand behind every source, got " + std::to_string(limit));
  return behind;
}

Status PromptedTextTask::checkRoom(const Tokenizer &tokenizer,
                                   const EncodeSettings &settings) const {
  return encodeSeparator(tokenizer, settings.maxSeqLength).takeStatus();
}

Result<Example> PromptedTextTask::encodePrompt(const DataTable &table, std::int64_t row,
                                               const TaskColumns &columns,
                                               const Tokenizer &tokenizer,
                                               const std::string &prefix,
                                               std::int32_t limit) const {
  FTC_ASSIGN_OR_RETURN(std::string_view text, readText(table, row, columns.text));
  FTC_ASSIGN_OR_RETURN(Encoding behind, encodeSeparator(tokenizer, limit));
  EncodeOptions options;
  options.maxLength = limit > 0 ? limit - static_cast<std::int32_t>(behind.ids.size()) : 0;
  Result<Encoding> source = tokenizer.encode(prefix + std::string(text), options);
  if (!source)
    return source.takeStatus().withContext(table.whereCell(row, columns.text));
  Example example;
  example.row = row;
  example.line = table.line(row);
  example.truncated = source->truncated;
  example.ids = std::move(source->ids);
  example.ids.insert(example.ids.end(), behind.ids.begin(), behind.ids.end());
  example.typeIds.assign(example.ids.size(), 0);
  example.labels.assign(example.ids.size(), kIgnoredLabel);
  example.wordIds.assign(example.ids.size(), -1);
  return example;
}

Result<Example> PromptedTextTask::encode(const DataTable &table, std::int64_t row,
                                         const TaskColumns &columns, const LabelSet &,
                                         const Tokenizer &tokenizer,
                                         const EncodeSettings &settings) const {
  FTC_ASSIGN_OR_RETURN(Example example,
                       encodePrompt(table, row, columns, tokenizer,
                                    settings.target.sourcePrefix, settings.maxSeqLength));
  if (columns.label < 0)
    return example;
  FTC_ASSIGN_OR_RETURN(std::string_view text, readText(table, row, columns.label));
  Result<Encoding> target =
      encodeTarget(text, tokenizer, settings.target.maxLength, settings.endOfText);
  if (!target)
    return target.takeStatus().withContext(table.whereCell(row, columns.label));
  example.truncatedTarget = target->truncated;
  // Row t's label is token t + 1: the prompt's last token already has one.
  example.labels.pop_back();
  example.labels.insert(example.labels.end(), target->ids.begin(), target->ids.end());
  example.labels.push_back(kIgnoredLabel);
  example.ids.insert(example.ids.end(), target->ids.begin(), target->ids.end());
  example.typeIds.assign(example.ids.size(), 0);
  example.wordIds.assign(example.ids.size(), -1);
  return example;
}

Status PromptedTextTask::encodeForPrediction(const DataTable &table, std::int64_t row,
                                             const TaskColumns &columns,
                                             const Tokenizer &tokenizer,
                                             const EncodeSettings &settings,
                                             std::vector<Example> &out) const {
  std::int32_t limit = smallerLimit(settings.maxSeqLength, settings.maxPromptLength);
  FTC_ASSIGN_OR_RETURN(Example example, encodePrompt(table, row, columns, tokenizer,
                                                     settings.target.sourcePrefix, limit));
  out.push_back(std::move(example));
  return {};
}

} // namespace ftc::rt
