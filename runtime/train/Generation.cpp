// Rows to prompts to texts.
#include "runtime/train/Generation.h"

#include <algorithm>

namespace ftc::rt {

namespace {

/// What a decoder writes for a source is limited by the artifact's max_target_length, as
/// run_summarization.py passes it to generate, not by a limit that generation_config.json has
/// for texts in general.
GenerationFlags settleFlags(const Session &session, const GenerationFlags &given) {
  GenerationFlags flags = given;
  bool limited = flags.maxNewTokens || flags.maxLength;
  const abi::Generation *compiled = (*session.artifact)->generation();
  if (compiled && session.task->hasTargetText() && !limited &&
      session.layout.placement == LabelPlacement::Token)
    flags.maxNewTokens = compiled->max_target_length();
  return flags;
}

} // namespace

Result<Prompts> encodePrompts(const Session &session, const DataTable &table,
                              const TaskColumns &columns, std::span<const std::int64_t> rows,
                              const GenerationFlags &flags) {
  FTC_ASSIGN_OR_RETURN(GenerationPlan plan,
                       GenerationPlan::make(*session.artifact, settleFlags(session, flags)));
  EncodeSettings settings = session.encode;
  if (session.layout.placement != LabelPlacement::Target)
    settings.maxPromptLength = static_cast<std::int32_t>(
        std::min<std::int64_t>(settings.maxPromptLength, plan.mostPromptTokens()));
  if (settings.maxPromptLength < 1)
    return Status::usage("--max_length: expected at least 2, a prompt's token and a new one");
  Prompts prompts;
  prompts.path = table.path();
  prompts.limit = settings.maxPromptLength;
  for (std::int64_t row : rows)
    FTC_RETURN_IF_ERROR(session.task->encodeForPrediction(
        table, row, columns, *session.tokenizer, settings, prompts.examples));
  prompts.cut = std::count_if(prompts.examples.begin(), prompts.examples.end(),
                              [](const Example &prompt) { return prompt.truncated > 0; });
  return prompts;
}

Result<std::vector<WrittenText>> writeTexts(Session &session, const Prompts &prompts,
                                            const GenerationFlags &flags,
                                            const GenerationProgress &progress) {
  FTC_ASSIGN_OR_RETURN(GenerationPlan plan,
                       GenerationPlan::make(*session.artifact, settleFlags(session, flags)));
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<Generator> generator,
                       Generator::make(session, std::move(plan)));
  Result<std::vector<TokenIds>> ids = generator->run(prompts.examples, progress);
  if (!ids)
    return ids.takeStatus().withContext(prompts.path);
  const Tokenizer &tokenizer =
      session.targetTokenizer ? *session.targetTokenizer : *session.tokenizer;
  std::vector<WrittenText> texts;
  texts.reserve(ids->size());
  for (TokenIds &text : *ids) {
    std::string shown = tokenizer.decode(text, /*skipSpecial=*/true);
    texts.push_back({std::move(shown), std::move(text)});
  }
  return texts;
}

std::string describePromptCuts(const Session &session, const Prompts &prompts) {
  if (prompts.cut == 0)
    return {};
  return std::to_string(prompts.cut) + " of " + std::to_string(prompts.examples.size()) +
         " prompts were longer than " + std::to_string(prompts.limit) + " tokens: their " +
         (session.task->hasTargetText() ? "sources' ends" : "beginnings") + " were cut";
}

Status checkGenerationFlags(const Task &task, const GenerationFlags &flags,
                            std::string_view command) {
  bool scores = task.generates() && task.hasTargetText();
  if (scores || (task.generates() && command != "ftrt eval"))
    return Status::ok();
  for (const auto &[name, given] :
       {std::pair("num_beams", flags.numBeams.has_value()),
        std::pair("max_new_tokens", flags.maxNewTokens.has_value()),
        std::pair("max_length", flags.maxLength.has_value()),
        std::pair("min_length", flags.minLength.has_value()),
        std::pair("length_penalty", flags.lengthPenalty.has_value()),
        std::pair("no_repeat_ngram_size", flags.noRepeatNgramSize.has_value()),
        std::pair("do_sample", flags.doSample.has_value()),
        std::pair("temperature", flags.temperature.has_value()),
        std::pair("top_k", flags.topK.has_value()), std::pair("top_p", flags.topP.has_value())})
    if (given)
      return Status::usage(std::string("--") + name + ": " +
                           (task.generates() ? std::string(command) + " of " : std::string()) +
                           std::string(task.name()) + " writes no texts; leave it out");
  return Status::ok();
}

} // namespace ftc::rt
