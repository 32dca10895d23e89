// Rows to prompts to texts.
#include "runtime/train/Generation.h"

namespace ftc::rt {

Result<WrittenTexts> writeTexts(Session &session, const DataTable &table,
                                const TaskColumns &columns, std::span<const std::int64_t> rows,
                                const GenerationFlags &flags,
                                const GenerationProgress &progress) {
  FTC_ASSIGN_OR_RETURN(GenerationPlan plan, GenerationPlan::make(*session.artifact, flags));
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<Generator> generator,
                       Generator::make(session, std::move(plan)));
  std::vector<Example> prompts;
  for (std::int64_t row : rows)
    FTC_RETURN_IF_ERROR(session.task->encodeForPrediction(
        table, row, columns, *session.tokenizer, session.encode, prompts));
  Result<std::vector<TokenIds>> ids = generator->run(prompts, progress);
  if (!ids)
    return ids.takeStatus().withContext(table.path());
  WrittenTexts written;
  for (const Example &prompt : prompts)
    written.cutPrompts += prompt.truncated > 0;
  for (TokenIds &text : *ids) {
    std::string shown = session.tokenizer->decode(text, /*skipSpecial=*/true);
    written.texts.push_back({std::move(shown), std::move(text)});
  }
  return written;
}

std::string describePromptCuts(const Session &session, const WrittenTexts &written) {
  if (written.cutPrompts == 0)
    return {};
  return std::to_string(written.cutPrompts) + " of " + std::to_string(written.texts.size()) +
         " prompts were longer than " + std::to_string(session.encode.maxPromptLength) +
         " tokens: their beginnings were cut";
}

} // namespace ftc::rt
