// Extractive question answering: a question, a context, and the span of it that answers. Long
// contexts become overlapping windows, as in Hugging Face's run_qa.
#include "runtime/metrics/PythonSpace.h"
#include "runtime/support/Text.h"
#include "runtime/tasks/Answers.h"
#include "runtime/tasks/Columns.h"
#include "runtime/tasks/QuestionOutputs.h"
#include "runtime/tasks/TaskRegistry.h"

namespace ftc::rt {

namespace {

/// The first token of every window: where "no answer" is marked. [CLS], <s>, or, where a decoder's
/// tokenizer adds none of its own, the question's first, as in run_qa.
constexpr std::int32_t kNoAnswerToken = 0;

std::string_view stripStart(std::string_view text) {
  while (!text.empty()) {
    std::size_t space = pythonSpaceLength(text, 0);
    if (space == 0)
      break;
    text.remove_prefix(space);
  }
  return text;
}

/// Marks the tokens that code points [begin, end) of the context lie in, both inclusive; no
/// answer where the window does not hold all of them.
void markSpan(const Encoding &window, std::int64_t begin, std::int64_t end, Example &example) {
  example.labels.assign(1, kNoAnswerToken);
  example.spanEnd = kNoAnswerToken;
  std::int32_t first = 0, last = static_cast<std::int32_t>(window.ids.size()) - 1;
  while (first <= last && window.sequenceIds[first] != 1)
    ++first;
  while (last >= first && window.sequenceIds[last] != 1)
    --last;
  if (first > last || window.offsets[first].first > begin || window.offsets[last].second < end)
    return;
  std::int32_t start = first, stop = last;
  while (start < last && window.offsets[start + 1].first <= begin)
    ++start;
  while (stop > first && window.offsets[stop - 1].second >= end)
    --stop;
  example.labels[0] = start;
  example.spanEnd = stop;
}

class QuestionAnswering final : public Task {
public:
  std::string_view name() const override { return "question-answering"; }
  LabelPlacement labelPlacement() const override { return LabelPlacement::Span; }
  bool needsPrefixSpace() const override { return false; }
  bool hasLabelSet() const override { return false; }
  std::int64_t outputWidth(const LabelSet &) const override { return 2; }
  bool windowed() const override { return true; }

  Result<TaskColumns> findColumns(const DataTable &table, const ColumnFlags &flags,
                                  bool needLabels) const override {
    const std::pair<const char *, const std::string &> others[] = {
        {"--text_column_name", flags.textColumnName},
        {"--label_column_name", flags.labelColumnName},
        {"--sentence1_key", flags.sentence1Key},
        {"--sentence2_key", flags.sentence2Key}};
    for (const auto &[flag, value] : others)
      if (!value.empty())
        return Status::usage(std::string(flag) + ": question answering reads the columns id, "
                                                 "question, context and answers; rename them "
                                                 "in the file instead");
    return findQuestionColumns(table, needLabels);
  }

  Result<LabelSet> collectLabels(const DataTable &, const TaskColumns &,
                                 std::span<const std::string>) const override {
    return LabelSet();
  }

  Result<LabelSet> labelsFromNames(std::vector<std::string>,
                                   std::span<const std::string>) const override {
    return Status::usage("--labels: question answering has no labels");
  }

  Result<Example> encode(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                         const LabelSet &labels, const Tokenizer &tokenizer,
                         const EncodeSettings &settings) const override {
    std::vector<Example> windows;
    FTC_RETURN_IF_ERROR(
        encodeExamples(table, row, columns, labels, tokenizer, settings, windows));
    return std::move(windows.front());
  }

  Status encodeExamples(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                        const LabelSet &, const Tokenizer &tokenizer,
                        const EncodeSettings &settings,
                        std::vector<Example> &out) const override {
    FTC_ASSIGN_OR_RETURN(std::string_view question, readText(table, row, columns.text));
    FTC_ASSIGN_OR_RETURN(std::string_view context, readText(table, row, columns.pair));
    Answers answers;
    if (columns.label >= 0) {
      FTC_ASSIGN_OR_RETURN(answers, readAnswers(table, row, columns));
      FTC_RETURN_IF_ERROR(
          checkAnswers(table, row, columns, answers, settings.questions.version2WithNegative));
    }
    EncodeOptions options;
    options.maxLength = settings.maxSeqLength;
    Result<std::vector<Encoding>> windows = tokenizer.encodeWindows(
        stripStart(question), context, options, settings.questions.docStride);
    if (!windows)
      return Status::error(whereQuestion(table, row, columns) + ": " +
                           windows.status().message() +
                           "; raise --max_seq_length or lower --doc_stride");
    for (Encoding &window : *windows) {
      if (!window.sequenceIds.empty() && window.sequenceIds[0] == 1)
        return Status::error(whereQuestion(table, row, columns) +
                             ": expected a question of at least one token, got none: this "
                             "model's tokenizer has no first token of its own that could mean "
                             "'no answer'");
      Example example;
      if (columns.label < 0)
        example.labels.assign(1, kIgnoredLabel);
      else if (answers.size() == 0)
        example.labels.assign(1, example.spanEnd = kNoAnswerToken);
      else
        markSpan(window, answers.starts[0], answers.starts[0] + codePoints(answers.texts[0]),
                 example);
      if (settings.forOutputs)
        for (std::size_t token = 0; token < window.ids.size(); ++token)
          example.offsets.push_back(window.sequenceIds[token] == 1
                                        ? window.offsets[token]
                                        : std::pair<std::int32_t, std::int32_t>(-1, -1));
      example.ids = std::move(window.ids);
      example.typeIds = std::move(window.typeIds);
      example.row = row;
      example.line = table.line(row);
      out.push_back(std::move(example));
    }
    return {};
  }

  Status encodeForPrediction(const DataTable &table, std::int64_t row,
                             const TaskColumns &columns, const Tokenizer &tokenizer,
                             const EncodeSettings &settings,
                             std::vector<Example> &out) const override {
    TaskColumns inputs = columns;
    inputs.label = -1;
    return encodeExamples(table, row, inputs, LabelSet(), tokenizer, settings, out);
  }

  Status checkRow(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                  const EncodeSettings &settings) const override {
    for (int column : {columns.text, columns.pair})
      if (Result<std::string_view> text = readText(table, row, column); !text)
        return text.takeStatus();
    if (columns.label < 0)
      return {};
    FTC_ASSIGN_OR_RETURN(Answers answers, readAnswers(table, row, columns));
    return checkAnswers(table, row, columns, answers, settings.questions.version2WithNegative);
  }

  Status checkTable(const DataTable &table, const TaskColumns &columns,
                    const EncodeSettings &settings) const override {
    QuestionIds ids;
    for (std::int64_t row = 0; row < table.rows(); ++row) {
      FTC_RETURN_IF_ERROR(checkRow(table, row, columns, settings));
      if (std::optional<std::int64_t> other = ids.take(table, row, columns))
        return Status::error(whereQuestion(table, row, columns) +
                             ": expected each id once, got this one in " +
                             std::string(table.unit()) + " " +
                             std::to_string(table.line(*other)) + " too");
    }
    return {};
  }

  std::unique_ptr<TaskOutputs> makeOutputs(const OutputSource &source) const override {
    return std::make_unique<QuestionOutputs>(source);
  }

  std::string describeLabels(const DataTable &, const TaskColumns &,
                             const LabelSet &) const override {
    return {};
  }

  std::optional<std::int32_t> stratumOfRow(const DataTable &, std::int64_t,
                                           const TaskColumns &,
                                           const LabelSet &) const override {
    return std::nullopt;
  }

  std::int32_t stratumOfExample(const Example &example, const LabelSet &) const override {
    return example.labels[0] > kNoAnswerToken;
  }
};

} // namespace

const Task *questionAnsweringTask() {
  static const QuestionAnswering task;
  return &task;
}

} // namespace ftc::rt
