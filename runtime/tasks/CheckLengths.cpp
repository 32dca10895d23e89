// Rows encoded: which cannot be, lengths in characters or words and in tokens, and what limits
// cut.
#include "runtime/tasks/Answers.h"
#include "runtime/tasks/CheckFindings.h"

namespace ftc::rt {

namespace {

/// Code points of a text or of a conversation's contents; words of a list.
std::int64_t cellLength(const DataTable &table, std::int64_t row, int column) {
  if (column < 0)
    return 0;
  if (table.kind(row, column) == CellKind::TextList)
    return table.listSize(row, column);
  std::int64_t length = codePoints(table.text(row, column));
  for (const Object &object : table.objects(row, column))
    for (const ObjectMember &member : object)
      if (member.key == "content")
        length += codePoints(member.text);
  return length;
}

Result<TokenLengths> measureRow(const DataCheckOptions &options, const Task &task,
                                const CheckedFile &file, std::int64_t row) {
  EncodeSettings settings = options.encode;
  settings.maxSeqLength = settings.maxPromptLength = settings.target.maxLength = 0;
  settings.forOutputs = false;
  TaskColumns inputs = file.columns;
  if (!task.generates() || task.hasTargetText())
    inputs.label = -1;
  auto encode = [&](const TaskColumns &columns) {
    return task.encode(file.table, row, columns, LabelSet(), *options.tokenizer, settings);
  };
  FTC_ASSIGN_OR_RETURN(Example input, encode(inputs));
  TokenLengths lengths{input.tokens(), 0};
  if (!task.hasTargetText() || file.columns.label < 0) {
    FTC_RETURN_IF_ERROR(checkTokens(file.table, input));
    return lengths;
  }
  FTC_ASSIGN_OR_RETURN(Example whole, encode(file.columns));
  FTC_RETURN_IF_ERROR(checkTokens(file.table, whole));
  bool apart = task.labelPlacement() == LabelPlacement::Target;
  lengths.target = apart ? whole.targetTokens() : whole.tokens() - input.tokens();
  return lengths;
}

/// Windows are never cut: where a question leaves its context no room within the limit, the row
/// is refused.
Status checkWindows(const DataCheckOptions &options, const Task &task, const CheckedFile &file,
                    std::int64_t row) {
  if (!task.windowed() || options.encode.maxSeqLength <= 0)
    return {};
  EncodeSettings settings = options.encode;
  settings.forOutputs = false;
  TaskColumns inputs = file.columns;
  inputs.label = -1;
  std::vector<Example> windows;
  return task.encodeExamples(file.table, row, inputs, LabelSet(), *options.tokenizer, settings,
                             windows);
}

} // namespace

void encodeEachRow(const DataCheckOptions &options, const Task &task, CheckedFile &file,
                   FindingList &findings) {
  if (!options.tokenizer)
    return;
  file.tokenLengths.resize(file.table.rows());
  std::vector<std::int64_t> usable;
  for (std::int64_t row : file.usable) {
    auto refuse = [&](std::string_view kind, std::string_view what, const Status &status) {
      ++file.refusedRows;
      findings.addRow(Severity::Refused, kind, what, file, row, status.message());
    };
    Result<TokenLengths> measured = measureRow(options, task, file, row);
    if (!measured) {
      refuse("not-encoded", "rows that the tokenizer gives nothing for", measured.status());
      continue;
    }
    if (Status windows = checkWindows(options, task, file, row); !windows) {
      refuse("no-room", "questions that leave no room for their context", windows);
      continue;
    }
    file.tokenLengths[row] = *measured;
    usable.push_back(row);
  }
  file.usable = std::move(usable);
}

void checkLengths(const DataCheckOptions &options, const Task &task, CheckedFile &file) {
  bool writes = task.hasTargetText() || (task.generates() && file.columns.pair >= 0);
  bool pair = file.columns.pair >= 0 && !writes;
  std::vector<std::int64_t> characters, targetCharacters, tokens, targetTokens;
  for (std::int64_t row : file.usable) {
    characters.push_back(cellLength(file.table, row, file.columns.text) +
                         (pair ? cellLength(file.table, row, file.columns.pair) : 0));
    if (writes && file.columns.label >= 0)
      targetCharacters.push_back(cellLength(file.table, row, file.columns.label));
    if (file.tokenLengths.empty())
      continue;
    tokens.push_back(file.tokenLengths[row].input);
    if (task.hasTargetText() && file.columns.label >= 0)
      targetTokens.push_back(file.tokenLengths[row].target);
  }
  file.characters = summarizeLengths(characters);
  file.targetCharacters = summarizeLengths(targetCharacters);
  file.tokens = summarizeLengths(tokens);
  file.targetTokens = summarizeLengths(targetTokens);
  file.cut = cutBy(tokens, options.encode.maxSeqLength);
  file.targetCut = cutBy(targetTokens, options.encode.target.maxLength);
}

} // namespace ftc::rt
