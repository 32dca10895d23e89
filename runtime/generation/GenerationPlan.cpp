// Settling generation's settings: config, then flags, then capacities.
#include "runtime/generation/GenerationPlan.h"

#include <algorithm>

namespace ftc::rt {

namespace {

constexpr std::int64_t kMost = 1 << 30;

Status beyond(const std::string &what, std::int64_t given, const char *unit, std::int64_t most,
              const char *flag) {
  return Status::usage(what + ": expected at most " + std::to_string(most) + ", the " + unit +
                       " that the artifact was compiled for (ftc compile --" + flag +
                       "), got " + std::to_string(given));
}

Result<std::optional<std::int64_t>> optionalInteger(const JsonObject &config, const char *key,
                                                    std::int64_t least) {
  std::optional<std::int64_t> value;
  if (config.has(key)) {
    FTC_ASSIGN_OR_RETURN(value, config.integer(key, least, kMost));
  }
  return value;
}

} // namespace

Status GenerationPlan::readConfig(const ArtifactReader &artifact) {
  std::string_view own = text(artifact->generation()->config_json());
  std::string name =
      artifact.name() + (own.empty() ? ": config.json" : ": generation_config.json");
  FTC_ASSIGN_OR_RETURN(Json model, parseJson(text(artifact->config_json()), name));
  FTC_ASSIGN_OR_RETURN(JsonObject modelConfig, JsonObject::of(model, name));
  Json json = model;
  if (!own.empty()) {
    FTC_ASSIGN_OR_RETURN(json, parseJson(own, name));
  }
  FTC_ASSIGN_OR_RETURN(JsonObject config, JsonObject::of(json, name));
  FTC_RETURN_IF_ERROR(readGenerationConfig(config, settings));
  FTC_ASSIGN_OR_RETURN(newTokens, optionalInteger(config, "max_new_tokens", 1));
  FTC_ASSIGN_OR_RETURN(totalTokens, optionalInteger(config, "max_length", 1));
  FTC_ASSIGN_OR_RETURN(leastNewTokens, optionalInteger(config, "min_new_tokens", 0));
  if (encoderDecoder) {
    totalTokens.reset();
    FTC_RETURN_IF_ERROR(readStart(modelConfig, artifact->task()->decoder_start_token_id()));
  }
  if (!settings.endIds.empty())
    return {};
  Json end = Json::object();
  if (const Json *id = modelConfig.find("eos_token_id"))
    end["eos_token_id"] = *id;
  FTC_ASSIGN_OR_RETURN(JsonObject ending,
                       JsonObject::of(end, artifact.name() + ": config.json"));
  return readGenerationConfig(ending, settings);
}

Status GenerationPlan::readStart(const JsonObject &modelConfig, std::int32_t family) {
  if (!settings.decoderStart) {
    FTC_ASSIGN_OR_RETURN(std::int64_t id,
                         modelConfig.integerOr("decoder_start_token_id", family, -1, kMost));
    if (id >= 0)
      settings.decoderStart = static_cast<std::int32_t>(id);
  }
  return {};
}

void GenerationPlan::beginAsTargets(std::span<const std::int32_t> around, std::int32_t end) {
  if (around.empty())
    return;
  if (!settings.decoderStart)
    settings.decoderStart = around.back();
  if (around.size() > 1 && around.back() == end && !settings.forcedBegin)
    settings.forcedBegin = around.front();
}

Status GenerationPlan::takeFlags(const GenerationFlags &flags,
                                 const abi::Generation &compiled) {
  if (flags.maxNewTokens && *flags.maxNewTokens > targetCapacity)
    return beyond("--max_new_tokens", *flags.maxNewTokens, "new tokens", targetCapacity,
                  "max_target_length");
  if (flags.maxLength && *flags.maxLength > longest)
    return beyond("--max_length", *flags.maxLength, "tokens of a text", longest,
                  "max_source_length and --max_target_length");
  if (flags.maxNewTokens || flags.maxLength) {
    newTokens = flags.maxNewTokens;
    totalTokens = flags.maxLength;
  }
  if (flags.minLength || flags.minNewTokens)
    leastNewTokens = flags.minNewTokens;
  settings.numBeams = flags.numBeams.value_or(settings.numBeams);
  settings.lengthPenalty = flags.lengthPenalty.value_or(settings.lengthPenalty);
  settings.noRepeatNgramSize = flags.noRepeatNgramSize.value_or(settings.noRepeatNgramSize);
  settings.minLength = flags.minLength.value_or(settings.minLength);
  settings.sample = flags.doSample.value_or(settings.sample);
  settings.temperature = flags.temperature.value_or(settings.temperature);
  settings.topK = flags.topK.value_or(settings.topK);
  settings.topP = flags.topP.value_or(settings.topP);
  drawn = static_cast<std::uint32_t>(flags.seed);
  if (settings.numBeams > compiled.max_beams())
    return beyond(flags.numBeams ? "--num_beams" : "generation_config.json: 'num_beams'",
                  settings.numBeams, "beams", compiled.max_beams(), "max_beams");
  if (settings.sample && settings.numBeams > 1)
    return Status::usage(std::string(flags.doSample ? "--do_sample" : "--num_beams") +
                         ": sampling with num_beams " + std::to_string(settings.numBeams) +
                         " is not supported: sample with --num_beams 1, or search with "
                         "--do_sample false");
  if (settings.encoderRepetitionPenalty != 1 && settings.numBeams > 1)
    return Status::usage(
        "generation_config.json: 'encoder_repetition_penalty' with num_beams " +
        std::to_string(settings.numBeams) +
        " is not supported: write with --num_beams 1, or leave it out");
  return {};
}

Result<GenerationPlan> GenerationPlan::make(const ArtifactReader &artifact,
                                            const GenerationFlags &flags) {
  const abi::Generation *compiled = artifact->generation();
  if (!compiled)
    return Status::error(artifact.name() + ": expected programs that generate, got none: "
                                           "compile it with this version of ftc");
  GenerationPlan plan;
  plan.targetCapacity = compiled->max_target_length();
  plan.longest = compiled->longest();
  plan.encoderDecoder = artifact->task()->max_target_length() > 0;
  if (plan.encoderDecoder)
    --plan.targetCapacity; // the start token is one of the target's
  FTC_RETURN_IF_ERROR(plan.readConfig(artifact));
  FTC_RETURN_IF_ERROR(plan.takeFlags(flags, *compiled));
  return plan;
}

std::int64_t GenerationPlan::mostPromptTokens() const {
  return std::min(longest, newTokens ? longest : totalTokens.value_or(longest)) - 1;
}

GenerationSettings GenerationPlan::settingsFor(std::int64_t promptTokens) const {
  GenerationSettings own = settings;
  std::int64_t most = std::min(longest, promptTokens + targetCapacity);
  if (newTokens)
    most = std::min(most, promptTokens + *newTokens);
  else if (totalTokens)
    most = std::min(most, *totalTokens);
  own.maxLength = most;
  if (leastNewTokens)
    own.minLength = promptTokens + *leastNewTokens;
  return own;
}

} // namespace ftc::rt
