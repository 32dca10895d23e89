// Rows to prompts to texts.
#include "runtime/train/Generation.h"

#include <algorithm>

namespace ftc::rt {

namespace {

/// What a decoder writes for a source is limited by --max_length, else by the artifact's
/// max_target_length, as run_summarization.py passes them to generate for an encoder-decoder:
/// they are the target's, whatever the prompt's length. generation_config.json's limit of
/// texts in general is not.
Result<GenerationFlags> settleFlags(const Session &session, const GenerationFlags &given) {
  GenerationFlags flags = given;
  const abi::Generation *compiled = (*session.artifact)->generation();
  if (!compiled || !session.task->hasTargetText() ||
      session.layout.placement != LabelPlacement::Token)
    return flags;
  std::int64_t most = compiled->max_target_length();
  if (flags.maxLength && *flags.maxLength > most)
    return Status::usage("--max_length: expected at most " + std::to_string(most) +
                         ", the tokens of a target that the artifact was compiled for (ftc "
                         "compile --max_target_length), got " +
                         std::to_string(*flags.maxLength));
  if (!flags.maxNewTokens)
    flags.maxNewTokens = flags.maxLength.value_or(most);
  flags.maxLength.reset();
  flags.minNewTokens = flags.minLength;
  flags.minLength.reset();
  return flags;
}

} // namespace

Result<Prompts> encodePrompts(const Session &session, const DataTable &table,
                              const TaskColumns &columns, std::span<const std::int64_t> rows,
                              const GenerationFlags &flags) {
  FTC_ASSIGN_OR_RETURN(GenerationFlags settled, settleFlags(session, flags));
  FTC_ASSIGN_OR_RETURN(GenerationPlan plan, GenerationPlan::make(*session.artifact, settled));
  EncodeSettings settings = session.encode;
  if (session.layout.placement != LabelPlacement::Target)
    settings.maxPromptLength = static_cast<std::int32_t>(
        std::min<std::int64_t>(settings.maxPromptLength, plan.mostPromptTokens()));
  if (settings.maxPromptLength < 1)
    return Status::usage("--max_length: expected at least 2, a prompt's token and a new one");
  if (plan.hasSource() && plan.settingsFor(1).maxLength < 2)
    return Status::usage("--max_length: expected at least 2, the start token and a new one");
  Prompts prompts;
  prompts.path = table.path();
  prompts.limit = settings.maxPromptLength;
  for (std::int64_t row : rows)
    FTC_RETURN_IF_ERROR(session.task->encodeForPrediction(
        table, row, columns, *session.tokenizer, settings, prompts.examples));
  for (const Example &prompt : prompts.examples) {
    FTC_RETURN_IF_ERROR(checkTokens(table, prompt));
    prompts.cut += prompt.truncated > 0;
    prompts.cutTokens += prompt.truncated;
  }
  return prompts;
}

Result<std::vector<WrittenText>> writeTexts(Session &session, const Prompts &prompts,
                                            const GenerationFlags &flags,
                                            const GenerationProgress &progress) {
  FTC_ASSIGN_OR_RETURN(GenerationFlags settled, settleFlags(session, flags));
  FTC_ASSIGN_OR_RETURN(GenerationPlan plan, GenerationPlan::make(*session.artifact, settled));
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
         (session.task->hasTargetText() ? "sources' ends" : "beginnings") + " were cut; " +
         std::to_string(prompts.cutTokens) +
         (prompts.cutTokens == 1 ? " token was lost" : " tokens were lost");
}

std::string givenGenerationFlags(const GenerationFlags &flags) {
  std::string names;
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
      names += (names.empty() ? "--" : ", --") + std::string(name);
  return names;
}

Status checkGenerationFlags(const Task &task, const GenerationFlags &flags,
                            std::string_view command) {
  std::string given = givenGenerationFlags(flags);
  if (given.empty() || task.hasTargetText() || (task.generates() && command != "ftrt eval"))
    return Status::ok();
  return Status::usage(given.substr(0, given.find(',')) + ": " +
                       (task.generates() ? std::string(command) + " of " : std::string()) +
                       std::string(task.name()) + " writes no texts; leave it out");
}

} // namespace ftc::rt
