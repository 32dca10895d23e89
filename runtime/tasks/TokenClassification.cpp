// Token classification: a row of words with a tag each; a word's first sub-word carries it.
#include "runtime/support/Text.h"
#include "runtime/tasks/Columns.h"
#include "runtime/tasks/LabelCollector.h"
#include "runtime/tasks/TagScheme.h"
#include "runtime/tasks/TaskRegistry.h"
#include "runtime/tasks/TokenOutputs.h"
#include "runtime/tasks/WordWindows.h"

#include <algorithm>

namespace ftc::rt {

namespace {

/// The class of "I-X" for the class of "B-X" where there is one, as run_ner.py maps them.
std::int32_t insideLabel(std::int32_t label, const LabelSet &labels) {
  const std::string &text = labels.names()[label];
  if (!text.starts_with("B-"))
    return label;
  std::int32_t inside = labels.find("I-" + text.substr(2));
  return inside < 0 ? label : inside;
}

class TokenClassification final : public Task {
public:
  std::string_view name() const override { return "token-classification"; }
  LabelPlacement labelPlacement() const override { return LabelPlacement::Token; }
  bool needsPrefixSpace() const override { return true; }

  Result<TaskColumns> findColumns(const DataTable &table, const ColumnFlags &flags,
                                  bool needLabels) const override {
    TaskColumns columns;
    if (!flags.textColumnName.empty()) {
      FTC_ASSIGN_OR_RETURN(columns.text, findFlaggedColumn(table, "--text_column_name",
                                                           flags.textColumnName));
    } else {
      columns.text = table.findColumn("tokens").value_or(-1);
      if (columns.text < 0)
        return missingColumn(table, "'tokens' (or name one with --text_column_name)");
    }
    if (!flags.labelColumnName.empty()) {
      FTC_ASSIGN_OR_RETURN(columns.label, findFlaggedColumn(table, "--label_column_name",
                                                            flags.labelColumnName));
    } else {
      columns.label = table.findColumn("ner_tags").value_or(-1);
      if (columns.label < 0 && needLabels)
        return missingColumn(table, table.namesColumns()
                                        ? "'ner_tags' (or name one with --label_column_name)"
                                        : "of tags behind that of words");
    }
    return columns;
  }

  Result<LabelSet> collectLabels(const DataTable &table, const TaskColumns &columns,
                                 std::span<const std::string> checkpointLabels) const override {
    LabelCollector collector(table.untyped());
    std::vector<std::string> tags;
    for (std::int64_t row = 0; row < table.rows(); ++row) {
      FTC_RETURN_IF_ERROR(readTags(table, row, columns, tags));
      bool integers = table.kind(row, columns.label) == CellKind::IntegerList;
      for (const std::string &tag : tags)
        collector.add(tag, integers);
    }
    FTC_ASSIGN_OR_RETURN(LabelSet labels, collector.finish(table, columns.label));
    return keepCheckpointOrder(std::move(labels), checkpointLabels);
  }

  Result<LabelSet>
  labelsFromNames(std::vector<std::string> names,
                  std::span<const std::string> checkpointLabels) const override {
    FTC_ASSIGN_OR_RETURN(LabelSet labels, orderNamedLabels(std::move(names)));
    return keepCheckpointOrder(std::move(labels), checkpointLabels);
  }

  Result<Example> encode(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                         const LabelSet &labels, const Tokenizer &tokenizer,
                         const EncodeSettings &settings) const override {
    std::vector<std::int32_t> classes;
    if (columns.label >= 0)
      FTC_RETURN_IF_ERROR(readClasses(table, row, columns, labels, classes));
    FTC_ASSIGN_OR_RETURN(Encoding encoding, encodeRow(table, row, columns, tokenizer,
                                                      settings.maxSeqLength));
    Example example;
    example.ids = std::move(encoding.ids);
    example.typeIds = std::move(encoding.typeIds);
    example.wordIds = std::move(encoding.wordIds);
    example.truncated = encoding.truncated;
    example.row = row;
    example.line = table.line(row);
    example.labels.assign(example.ids.size(), kIgnoredLabel);
    std::int32_t previous = -1;
    for (std::size_t token = 0; token < example.ids.size(); ++token) {
      std::int32_t word = example.wordIds[token];
      if (word >= 0) {
        std::int32_t label = columns.label >= 0 ? classes[word] : 0;
        if (word != previous)
          example.labels[token] = label;
        else if (settings.labelAllTokens && columns.label >= 0)
          example.labels[token] = insideLabel(label, labels);
      }
      previous = word;
    }
    return example;
  }

  Status checkRow(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                  const EncodeSettings &) const override {
    std::vector<std::string> tags;
    return columns.label < 0 ? checkList(table, row, columns.text, /*integers=*/false)
                             : readTags(table, row, columns, tags);
  }

  Status readRowLabels(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                       RowLabels &out) const override {
    out.integers = table.kind(row, columns.label) == CellKind::IntegerList;
    return readTags(table, row, columns, out.names);
  }

  bool knowsLabels(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                   const LabelSet &labels) const override {
    std::vector<std::int32_t> classes;
    return columns.label < 0 || readClasses(table, row, columns, labels, classes).isOk();
  }

  Status encodeForPrediction(const DataTable &table, std::int64_t row,
                             const TaskColumns &columns, const Tokenizer &tokenizer,
                             const EncodeSettings &settings,
                             std::vector<Example> &out) const override {
    FTC_ASSIGN_OR_RETURN(Encoding encoding, encodeRow(table, row, columns, tokenizer, 0));
    Result<std::vector<Example>> windows = cutWordWindows(encoding, settings.maxSeqLength);
    if (!windows)
      return windows.takeStatus().withContext(table.where(row));
    for (Example &example : *windows) {
      example.row = row;
      example.line = table.line(row);
      out.push_back(std::move(example));
    }
    return {};
  }

  std::unique_ptr<TaskOutputs> makeOutputs(const OutputSource &source) const override {
    return std::make_unique<TokenOutputs>(source.examples, source.labels);
  }

  std::string describeLabels(const DataTable &table, const TaskColumns &columns,
                             const LabelSet &) const override {
    TagSchemeDetector detector;
    std::vector<std::string> tags;
    for (std::int64_t row = 0; row < table.rows() && columns.label >= 0; ++row) {
      table.list(row, columns.label, tags);
      detector.addSentence(tags);
    }
    return detector.description();
  }

  std::optional<std::int32_t> stratumOfRow(const DataTable &, std::int64_t,
                                           const TaskColumns &,
                                           const LabelSet &) const override {
    return std::nullopt;
  }

  std::int32_t stratumOfExample(const Example &example, const LabelSet &labels) const override {
    std::int32_t outside = labels.find("O");
    return std::any_of(example.labels.begin(), example.labels.end(), [&](std::int32_t label) {
      return label != kIgnoredLabel && label != outside;
    });
  }

private:
  static Status readTags(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                         std::vector<std::string> &tags) {
    FTC_RETURN_IF_ERROR(checkList(table, row, columns.text, /*integers=*/false));
    FTC_RETURN_IF_ERROR(checkList(table, row, columns.label, /*integers=*/true));
    table.list(row, columns.label, tags);
    std::int64_t words = table.listSize(row, columns.text);
    if (words != static_cast<std::int64_t>(tags.size()))
      return Status::error(table.where(row) + ": expected one tag a token, got " +
                           std::to_string(words) + " tokens and " +
                           std::to_string(tags.size()) + " tags");
    for (std::size_t word = 0; word < tags.size(); ++word)
      if (tags[word].empty())
        return Status::error(table.where(row, static_cast<std::int64_t>(word)) +
                             ": expected a tag for token " + std::to_string(word + 1) +
                             ", got an empty one");
    return {};
  }

  static Status readClasses(const DataTable &table, std::int64_t row,
                            const TaskColumns &columns, const LabelSet &labels,
                            std::vector<std::int32_t> &classes) {
    std::vector<std::string> tags;
    FTC_RETURN_IF_ERROR(readTags(table, row, columns, tags));
    for (std::size_t word = 0; word < tags.size(); ++word) {
      classes.push_back(labels.find(tags[word]));
      if (classes.back() < 0)
        return unknownLabel(table, row, static_cast<std::int64_t>(word), tags[word], labels);
    }
    return {};
  }

  static Result<Encoding> encodeRow(const DataTable &table, std::int64_t row,
                                    const TaskColumns &columns, const Tokenizer &tokenizer,
                                    std::int32_t maxLength) {
    FTC_RETURN_IF_ERROR(checkList(table, row, columns.text, /*integers=*/false));
    std::vector<std::string> words;
    table.list(row, columns.text, words);
    EncodeOptions options;
    options.maxLength = maxLength;
    Result<Encoding> encoding = tokenizer.encodeWords(words, options);
    if (!encoding)
      return encoding.takeStatus().withContext(table.where(row));
    return encoding;
  }
};

} // namespace

const Task *tokenClassificationTask() {
  static const TokenClassification task;
  return &task;
}

} // namespace ftc::rt
