// Sources and targets are tokenized as transformers' run_summarization.py and
// run_translation.py do: each with its own special tokens, each cut to its own length.
#include "runtime/tasks/TargetText.h"

#include "runtime/tasks/Columns.h"

#include <cstdio>

namespace ftc::rt {

namespace {

/// The loss is all there is while nothing is generated.
class TargetOutputs final : public TaskOutputs {
public:
  explicit TargetOutputs(std::string_view task) : task(task) {}

  Status add(std::span<const float>, std::int64_t, std::span<const OutputRow>) override {
    return Status::error("an encoder-decoder's evaluation gives losses, got logits");
  }
  void takeLoss(double sum, std::int64_t count) override {
    lossSum += sum;
    counted += count;
  }
  Result<Metrics> metrics() const override { return Metrics{}; }
  Result<std::string> report() const override {
    char text[160];
    std::snprintf(text, sizeof text,
                  "loss %.4f over %lld target tokens; texts are not generated yet, so there "
                  "is no %s\n",
                  counted ? lossSum / static_cast<double>(counted) : 0,
                  static_cast<long long>(counted), task == "summarization" ? "ROUGE" : "BLEU");
    return std::string(text);
  }
  Result<std::string> predictionLines(const DataTable &, const TaskColumns &) const override {
    return Status::error(std::string(task) + ": ftrt predict is not yet supported; "
                                             "transformers generates with the exported model");
  }
  Result<std::string> predictionsText(const DataTable &, const TaskColumns &) const override {
    return std::string();
  }

private:
  std::string_view task;
  double lossSum = 0;
  std::int64_t counted = 0;
};

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

Result<TaskColumns> TargetTextTask::findColumns(const DataTable &table,
                                                const ColumnFlags &flags,
                                                bool needLabels) const {
  FTC_ASSIGN_OR_RETURN(PairColumns pair, findPair(table, flags, needLabels));
  TaskColumns columns;
  columns.text = pair.source;
  columns.label = pair.target;
  return columns;
}

Result<LabelSet> TargetTextTask::labelsFromNames(std::vector<std::string>,
                                                 std::span<const std::string>) const {
  return Status::usage("--labels: " + std::string(name()) + " has no labels");
}

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

Status TargetTextTask::checkTable(const DataTable &table, const TaskColumns &columns,
                                  const EncodeSettings &) const {
  for (std::int64_t row = 0; row < table.rows(); ++row)
    for (int column : {columns.text, columns.label})
      if (column >= 0)
        if (Result<std::string_view> text = readText(table, row, column); !text)
          return text.takeStatus();
  return {};
}

Status TargetTextTask::encodeForPrediction(const DataTable &table, std::int64_t row,
                                           const TaskColumns &, const Tokenizer &,
                                           const EncodeSettings &,
                                           std::vector<Example> &) const {
  return Status::error(table.where(row) + ": ftrt predict for " + std::string(name()) +
                       " is not yet supported; transformers generates with the exported model");
}

std::unique_ptr<TaskOutputs> TargetTextTask::makeOutputs(const OutputSource &) const {
  return std::make_unique<TargetOutputs>(name());
}

} // namespace ftc::rt
