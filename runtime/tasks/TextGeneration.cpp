// Text generation: a decoder learns to continue texts. A row is a whole text, a prompt and its
// completion, of which the completion alone counts in the loss, or a conversation, of which
// what the assistant says does.
#include "runtime/tasks/ChatTemplate.h"
#include "runtime/tasks/Columns.h"
#include "runtime/tasks/GenerationColumns.h"
#include "runtime/tasks/LanguageOutputs.h"
#include "runtime/tasks/TaskRegistry.h"

#include <algorithm>

namespace ftc::rt {

namespace {

class TextGeneration final : public Task {
public:
  std::string_view name() const override { return "text-generation"; }
  LabelPlacement labelPlacement() const override { return LabelPlacement::Token; }
  bool hasLabelSet() const override { return false; }
  std::int64_t outputWidth(const LabelSet &) const override { return 0; }
  bool generates() const override { return true; }
  bool needsPrefixSpace() const override { return false; }

  Result<TaskColumns> findColumns(const DataTable &table, const ColumnFlags &flags,
                                  bool needLabels) const override {
    const std::pair<const char *, const std::string &> others[] = {
        {"--label_column_name", flags.labelColumnName},
        {"--sentence1_key", flags.sentence1Key},
        {"--sentence2_key", flags.sentence2Key}};
    for (const auto &[flag, value] : others)
      if (!value.empty())
        return Status::usage(std::string(flag) + ": text generation reads the column text, or "
                                                 "prompt and completion; name another text "
                                                 "column with --text_column_name");
    FTC_ASSIGN_OR_RETURN(GenerationColumns found,
                         findGenerationColumns(table, flags.textColumnName, needLabels));
    TaskColumns columns;
    columns.chat = found.messages >= 0;
    if (columns.chat) {
      columns.text = columns.label = found.messages;
      return columns;
    }
    columns.text = found.prompt >= 0 ? found.prompt : found.text;
    columns.pair = found.completion;
    // A text is its own label; a prompt alone has none.
    columns.label = found.prompt >= 0 ? found.completion : found.text;
    return columns;
  }

  Result<LabelSet> collectLabels(const DataTable &, const TaskColumns &,
                                 std::span<const std::string>) const override {
    return LabelSet();
  }

  Result<LabelSet> labelsFromNames(std::vector<std::string>,
                                   std::span<const std::string>) const override {
    return Status::usage("--labels: text generation has no labels");
  }

  /// Row t's label is token t + 1: prompt and completion are encoded apart, so that the
  /// prompt's ids are those that generation begins with; then comes the end of text, then the
  /// cut. A conversation is one text, which ends as its template says.
  Result<Example> encode(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                         const LabelSet &, const Tokenizer &tokenizer,
                         const EncodeSettings &settings) const override {
    Example example;
    example.row = row;
    example.line = table.line(row);
    std::vector<bool> learnt; // a token each: it is a label
    if (columns.chat) {
      FTC_RETURN_IF_ERROR(
          appendConversation(table, row, columns, tokenizer, settings, example, learnt));
    } else {
      FTC_RETURN_IF_ERROR(append(table, row, columns.text, true, tokenizer, example));
      std::size_t prompt = columns.pair >= 0 ? example.ids.size() : 0;
      if (columns.pair >= 0)
        FTC_RETURN_IF_ERROR(append(table, row, columns.pair, false, tokenizer, example));
      std::int32_t end = settings.endOfText;
      if (end >= 0 && (example.ids.empty() || example.ids.back() != end))
        example.ids.push_back(end);
      learnt.assign(example.ids.size(), true);
      std::fill_n(learnt.begin(), prompt, false);
    }
    if (example.ids.empty())
      return Status::error(table.where(row) + ": expected a text with at least one token, got "
                                              "an empty one, and the model has no "
                                              "end-of-text token to learn");
    std::size_t limit = settings.maxSeqLength > 0
                            ? static_cast<std::size_t>(settings.maxSeqLength)
                            : example.ids.size();
    if (example.ids.size() > limit) {
      example.truncated = static_cast<std::int64_t>(example.ids.size() - limit);
      example.ids.resize(limit);
    }
    example.typeIds.assign(example.ids.size(), 0);
    example.labels.assign(example.ids.size(), kIgnoredLabel);
    for (std::size_t token = 0; token + 1 < example.ids.size(); ++token)
      if (learnt[token + 1])
        example.labels[token] = example.ids[token + 1];
    example.wordIds.assign(example.ids.size(), -1);
    return example;
  }

  Status checkRow(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                  const EncodeSettings &settings) const override {
    if (columns.chat)
      return settings.modelKnown
                 ? conversation(table, row, columns, settings, false).takeStatus()
                 : learntMessages(table, row, columns).takeStatus();
    for (int column : {columns.text, columns.pair})
      if (column >= 0)
        if (Result<std::string_view> text = readText(table, row, column); !text)
          return text.takeStatus();
    return {};
  }

  /// The prompt, the whole text, or the conversation up to the assistant's last turn. One that is too long keeps what the tokenizer puts before a
  /// text, and its end.
  Status encodeForPrediction(const DataTable &table, std::int64_t row,
                             const TaskColumns &columns, const Tokenizer &tokenizer,
                             const EncodeSettings &settings,
                             std::vector<Example> &out) const override {
    std::string text;
    EncodeOptions options;
    if (columns.chat) {
      FTC_ASSIGN_OR_RETURN(std::vector<ChatPiece> pieces,
                           conversation(table, row, columns, settings, true));
      for (const ChatPiece &piece : pieces)
        text += piece.text;
      options.addSpecialTokens = false; // the template has what begins a text
    } else {
      FTC_ASSIGN_OR_RETURN(std::string_view prompt, readText(table, row, columns.text));
      text = prompt;
    }
    Result<Encoding> encoding = tokenizer.encode(text, options);
    if (!encoding)
      return encoding.takeStatus().withContext(table.where(row));
    Example example;
    example.row = row;
    example.line = table.line(row);
    example.ids = encoding->ids;
    if (example.ids.empty())
      return Status::error(table.where(row) + ": expected a prompt with at least one token, got "
                                              "an empty one");
    std::size_t before = 0;
    while (before < encoding->wordIds.size() && encoding->wordIds[before] < 0)
      ++before;
    std::size_t limit = static_cast<std::size_t>(settings.maxPromptLength);
    if (limit > before && example.ids.size() > limit) {
      std::size_t cut = example.ids.size() - limit;
      example.ids.erase(example.ids.begin() + before, example.ids.begin() + before + cut);
      example.truncated = static_cast<std::int64_t>(cut);
    }
    example.typeIds.assign(example.ids.size(), 0);
    example.labels.assign(example.ids.size(), kIgnoredLabel);
    example.wordIds.assign(example.ids.size(), -1);
    out.push_back(std::move(example));
    return {};
  }

  std::unique_ptr<TaskOutputs> makeOutputs(const OutputSource &source) const override {
    return std::make_unique<LanguageOutputs>(source.examples);
  }

  std::string describeLabels(const DataTable &, const TaskColumns &,
                             const LabelSet &) const override {
    return {};
  }

private:
  /// Appends a cell's tokens; `first`: with what the tokenizer puts around a text.
  static Status append(const DataTable &table, std::int64_t row, int column, bool first,
                       const Tokenizer &tokenizer, Example &example) {
    EncodeOptions options;
    options.addSpecialTokens = first;
    FTC_ASSIGN_OR_RETURN(std::string_view text, readText(table, row, column));
    Result<Encoding> encoding = tokenizer.encode(text, options);
    if (!encoding)
      return encoding.takeStatus().withContext(table.where(row));
    example.ids.insert(example.ids.end(), encoding->ids.begin(), encoding->ids.end());
    return {};
  }

  static bool speaks(const ChatMessage &message) { return message.role == "assistant"; }

  /// A row's messages, at least one of them the assistant's.
  static Result<std::vector<ChatMessage>>
  learntMessages(const DataTable &table, std::int64_t row, const TaskColumns &columns) {
    FTC_ASSIGN_OR_RETURN(std::vector<ChatMessage> messages,
                         readMessages(table, row, columns.text));
    if (std::none_of(messages.begin(), messages.end(), speaks))
      return Status::error(table.where(row) + ": expected a turn of the assistant to learn "
                                              "from, got none");
    return messages;
  }

  /// A row's conversation as the model's template writes it. `prompt`: without the assistant's
  /// last turn, and asking for it; else there must be one to learn.
  static Result<std::vector<ChatPiece>> conversation(const DataTable &table, std::int64_t row,
                                                     const TaskColumns &columns,
                                                     const EncodeSettings &settings,
                                                     bool prompt) {
    FTC_ASSIGN_OR_RETURN(std::vector<ChatMessage> messages,
                         prompt ? readMessages(table, row, columns.text)
                                : learntMessages(table, row, columns));
    while (prompt && !messages.empty() && speaks(messages.back()))
      messages.pop_back();
    if (!settings.chat)
      return Status::error(table.where(row) +
                           ": the model has no chat template (chat_template in "
                           "tokenizer_config.json): give the columns prompt and completion");
    Result<std::vector<ChatPiece>> pieces = settings.chat->render(messages, prompt);
    if (!pieces)
      return pieces.takeStatus().withContext(table.where(row));
    return pieces;
  }

  /// A token is learnt where it has a character that is, as in transformers'
  /// return_assistant_tokens_mask.
  static Status appendConversation(const DataTable &table, std::int64_t row,
                                   const TaskColumns &columns, const Tokenizer &tokenizer,
                                   const EncodeSettings &settings, Example &example,
                                   std::vector<bool> &learnt) {
    FTC_ASSIGN_OR_RETURN(std::vector<ChatPiece> pieces,
                         conversation(table, row, columns, settings, false));
    std::string text;
    std::vector<bool> marked; // a code point each
    for (const ChatPiece &piece : pieces) {
      text += piece.text;
      auto begins = [](char byte) { return (static_cast<unsigned char>(byte) & 0xc0) != 0x80; };
      marked.insert(marked.end(), std::count_if(piece.text.begin(), piece.text.end(), begins),
                    piece.learnt);
    }
    EncodeOptions options;
    options.addSpecialTokens = false; // the template has them
    Result<Encoding> encoding = tokenizer.encode(text, options);
    if (!encoding)
      return encoding.takeStatus().withContext(table.where(row));
    example.ids = encoding->ids;
    for (auto [first, last] : encoding->offsets) {
      bool any = false;
      for (std::int32_t at = first; at < last && at < std::ssize(marked); ++at)
        any |= marked[at];
      learnt.push_back(any);
    }
    return {};
  }
};

} // namespace

const Task *textGenerationTask() {
  static const TextGeneration task;
  return &task;
}

} // namespace ftc::rt
