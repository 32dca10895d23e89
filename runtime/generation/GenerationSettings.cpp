// Reading generation_config.json: what is honoured, and what is refused by name.
#include "runtime/generation/GenerationSettings.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

namespace ftc::rt {

namespace {

constexpr std::int64_t kMostIds = 1 << 30;
constexpr double kMostPenalty = 1e6;

/// Keys that change the output when they differ from their neutral value.
struct Unsupported {
  const char *key;
  double neutral;
};
constexpr std::array<Unsupported, 6> kUnsupported{{{"num_beam_groups", 1},
                                                   {"num_return_sequences", 1},
                                                   {"diversity_penalty", 0},
                                                   {"guidance_scale", 1},
                                                   {"penalty_alpha", 0},
                                                   {"top_h", 0}}};

Status refuseUnsupported(const JsonObject &config) {
  for (const Unsupported &feature : kUnsupported) {
    FTC_ASSIGN_OR_RETURN(double value, config.numberOr(feature.key, feature.neutral));
    if (value != feature.neutral)
      return config.mismatch(feature.key, "it absent: it is not supported");
  }
  for (const char *key : {"constraints", "force_words_ids", "forced_decoder_ids",
                          "stop_strings", "max_time", "watermarking_config", "dola_layers"})
    if (config.has(key))
      return config.mismatch(key, "it absent: it is not supported");
  FTC_ASSIGN_OR_RETURN(bool healing, config.booleanOr("token_healing", false));
  if (healing)
    return config.mismatch("token_healing", "false: it is not supported");
  return {};
}

/// An id or a list of ids.
Status readIds(const JsonObject &config, const char *key, std::vector<std::int32_t> &ids) {
  const Json *value = config.find(key);
  if (!value)
    return {};
  ids.clear();
  if (!value->is_array()) {
    FTC_ASSIGN_OR_RETURN(std::int64_t id, config.integer(key, 0, kMostIds));
    ids.push_back(static_cast<std::int32_t>(id));
    return {};
  }
  FTC_ASSIGN_OR_RETURN(std::vector<std::int64_t> list, config.integers(key, 0, kMostIds));
  ids.assign(list.begin(), list.end());
  return {};
}

/// Token ids of a list that is not empty; nothing where `json` is something else.
std::optional<std::vector<std::int32_t>> sequenceOf(const Json &json) {
  if (!json.is_array() || json.empty())
    return {};
  std::vector<std::int32_t> ids;
  for (const Json &id : json) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() > kMostIds)
      return {};
    ids.push_back(id.get<std::int32_t>());
  }
  return ids;
}

Status readBadWords(const JsonObject &config, GenerationSettings &settings) {
  if (!config.has("bad_words_ids"))
    return {};
  settings.badWords.clear();
  FTC_ASSIGN_OR_RETURN(const Json *words, config.array("bad_words_ids"));
  for (const Json &word : *words) {
    std::optional<std::vector<std::int32_t>> ids = sequenceOf(word);
    if (!ids)
      return config.mismatch("bad_words_ids", "a list of lists of token ids");
    settings.badWords.push_back(std::move(*ids));
  }
  return {};
}

/// Of a sequence that is there twice the last bias counts, in the first one's place:
/// transformers makes a dictionary of the list.
Status readSequenceBias(const JsonObject &config, GenerationSettings &settings) {
  if (!config.has("sequence_bias"))
    return {};
  settings.sequenceBias.clear();
  std::map<std::vector<std::int32_t>, std::size_t> known; // the last of equal sequences counts
  FTC_ASSIGN_OR_RETURN(const Json *entries, config.array("sequence_bias"));
  for (const Json &entry : *entries) {
    std::optional<std::vector<std::int32_t>> ids;
    if (entry.is_array() && entry.size() == 2 && entry[1].is_number() &&
        std::abs(entry[1].get<double>()) <= std::numeric_limits<float>::max())
      ids = sequenceOf(entry[0]);
    if (!ids)
      return config.mismatch(
          "sequence_bias",
          "a list of pairs of a list of token ids and a number in f32's range");
    auto [at, isNew] = known.try_emplace(*ids, settings.sequenceBias.size());
    if (isNew)
      settings.sequenceBias.push_back({std::move(*ids), 0});
    settings.sequenceBias[at->second].bias = entry[1].get<double>();
  }
  return {};
}

Status readLengthDecay(const JsonObject &config, GenerationSettings &settings) {
  const Json *value = config.find("exponential_decay_length_penalty");
  if (!value)
    return {};
  bool good = value->is_array() && value->size() == 2 && (*value)[0].is_number_unsigned() &&
              (*value)[0].get<std::uint64_t>() <= kMostIds && (*value)[1].is_number() &&
              (*value)[1].get<double>() > 0 && (*value)[1].get<double>() <= kMostPenalty;
  if (!good)
    return config.mismatch("exponential_decay_length_penalty",
                           "a list of a number of tokens and a factor above 0");
  settings.lengthDecay = {(*value)[0].get<std::int64_t>(), (*value)[1].get<double>()};
  return {};
}

Status readEarlyStopping(const JsonObject &config, GenerationSettings &settings) {
  const Json *value = config.find("early_stopping");
  if (!value)
    return {};
  if (value->is_boolean())
    settings.earlyStopping = value->get<bool>() ? EarlyStopping::True : EarlyStopping::False;
  else if (value->is_string() && value->get<std::string>() == "never")
    settings.earlyStopping = EarlyStopping::Never;
  else
    return config.mismatch("early_stopping", "true, false or 'never'");
  return {};
}

} // namespace

bool GenerationSettings::isEnd(std::int32_t id) const {
  return std::find(endIds.begin(), endIds.end(), id) != endIds.end();
}

Status readGenerationConfig(const JsonObject &config, GenerationSettings &settings) {
  FTC_RETURN_IF_ERROR(refuseUnsupported(config));
  auto integer = [&](const char *key, std::int64_t &field, std::int64_t low,
                     std::int64_t high) -> Status {
    FTC_ASSIGN_OR_RETURN(field, config.integerOr(key, field, low, high));
    return {};
  };
  auto number = [&](const char *key, double &field, double low, double high) -> Status {
    FTC_ASSIGN_OR_RETURN(field, config.numberOr(key, field, low, high));
    return {};
  };
  FTC_RETURN_IF_ERROR(integer("max_length", settings.maxLength, 1, 1 << 30));
  FTC_RETURN_IF_ERROR(integer("min_length", settings.minLength, 0, 1 << 30));
  FTC_RETURN_IF_ERROR(integer("num_beams", settings.numBeams, 1, 1024));
  FTC_RETURN_IF_ERROR(number("length_penalty", settings.lengthPenalty, -100, 100));
  FTC_RETURN_IF_ERROR(integer("no_repeat_ngram_size", settings.noRepeatNgramSize, 0, 1 << 20));
  FTC_RETURN_IF_ERROR(integer("encoder_no_repeat_ngram_size",
                              settings.encoderNoRepeatNgramSize, 0, 1 << 20));
  FTC_RETURN_IF_ERROR(number("repetition_penalty", settings.repetitionPenalty, 1e-6, kMostPenalty));
  FTC_RETURN_IF_ERROR(number("encoder_repetition_penalty", settings.encoderRepetitionPenalty,
                             1e-6, kMostPenalty));
  FTC_RETURN_IF_ERROR(number("temperature", settings.temperature, 1e-6, 1e6));
  FTC_RETURN_IF_ERROR(integer("top_k", settings.topK, 0, 1 << 30));
  FTC_RETURN_IF_ERROR(number("top_p", settings.topP, 1e-9, 1));
  if (config.has("min_p")) {
    FTC_ASSIGN_OR_RETURN(settings.minP, config.numberOr("min_p", 0, 0, 1));
  }
  FTC_RETURN_IF_ERROR(number("typical_p", settings.typicalP, 1e-9, 1));
  FTC_RETURN_IF_ERROR(number("epsilon_cutoff", settings.epsilonCutoff, 0, 1));
  FTC_RETURN_IF_ERROR(number("eta_cutoff", settings.etaCutoff, 0, 1));
  FTC_ASSIGN_OR_RETURN(settings.sample, config.booleanOr("do_sample", settings.sample));
  FTC_ASSIGN_OR_RETURN(settings.renormalize,
                       config.booleanOr("renormalize_logits", settings.renormalize));
  FTC_ASSIGN_OR_RETURN(settings.removeInvalid,
                       config.booleanOr("remove_invalid_values", settings.removeInvalid));
  FTC_RETURN_IF_ERROR(readEarlyStopping(config, settings));
  FTC_RETURN_IF_ERROR(readSequenceBias(config, settings));
  FTC_RETURN_IF_ERROR(readBadWords(config, settings));
  FTC_RETURN_IF_ERROR(readLengthDecay(config, settings));
  FTC_RETURN_IF_ERROR(readIds(config, "suppress_tokens", settings.suppressed));
  FTC_RETURN_IF_ERROR(readIds(config, "begin_suppress_tokens", settings.suppressedFirst));
  FTC_RETURN_IF_ERROR(readIds(config, "eos_token_id", settings.endIds));
  FTC_RETURN_IF_ERROR(readIds(config, "forced_eos_token_id", settings.forcedEnd));
  auto id = [&](const char *key, std::optional<std::int32_t> &field) -> Status {
    if (!config.has(key))
      return {};
    FTC_ASSIGN_OR_RETURN(std::int64_t value, config.integer(key, 0, kMostIds));
    field = static_cast<std::int32_t>(value);
    return {};
  };
  FTC_RETURN_IF_ERROR(id("forced_bos_token_id", settings.forcedBegin));
  return id("decoder_start_token_id", settings.decoderStart);
}

} // namespace ftc::rt
