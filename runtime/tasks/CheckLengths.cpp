// Lengths in characters or words, in tokens where there is a tokenizer, and what limits cut.
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

/// Lengths of a row in tokens, nothing cut.
struct TokenLengths {
  std::int64_t input = 0, target = 0;
};

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
  // Where a question leaves no room for its context, limits refuse what they would else cut.
  if (task.windowed() && options.encode.maxSeqLength > 0) {
    std::vector<Example> windows;
    FTC_RETURN_IF_ERROR(task.encodeExamples(file.table, row, inputs, LabelSet(),
                                            *options.tokenizer, options.encode, windows));
  }
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

} // namespace

void checkLengths(const DataCheckOptions &options, const Task &task, CheckedFile &file,
                  FindingList &findings) {
  bool writes = task.hasTargetText() || (task.generates() && file.columns.pair >= 0);
  bool pair = file.columns.pair >= 0 && !writes;
  std::vector<std::int64_t> characters, targetCharacters, tokens, targetTokens;
  for (std::int64_t row : file.usable) {
    characters.push_back(cellLength(file.table, row, file.columns.text) +
                         (pair ? cellLength(file.table, row, file.columns.pair) : 0));
    if (writes && file.columns.label >= 0)
      targetCharacters.push_back(cellLength(file.table, row, file.columns.label));
    if (!options.tokenizer)
      continue;
    Result<TokenLengths> measured = measureRow(options, task, file, row);
    if (!measured) {
      findings.addRow(Severity::Refused, "not-encoded",
                      "rows that the tokenizer gives nothing for", file, row,
                      measured.status().message());
      continue;
    }
    tokens.push_back(measured->input);
    if (task.hasTargetText() && file.columns.label >= 0)
      targetTokens.push_back(measured->target);
  }
  file.characters = summarizeLengths(characters);
  file.targetCharacters = summarizeLengths(targetCharacters);
  file.tokens = summarizeLengths(tokens);
  file.targetTokens = summarizeLengths(targetTokens);
  file.cut = cutBy(tokens, options.encode.maxSeqLength);
  file.targetCut = cutBy(targetTokens, options.encode.target.maxLength);
}

} // namespace ftc::rt
