// How a model continues a text: transformers' GenerationConfig, the part that ftrt honours.
#pragma once

#include "runtime/io/Json.h"
#include "runtime/support/Status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ftc::rt {

/// When beam search ends a sequence: transformers' `early_stopping`. False: when the running
/// beams' best score at the current length is no better than the worst finished one. True: as
/// soon as there are num_beams finished ones. Never: False with the best length attainable.
enum class EarlyStopping { False, True, Never };

/// exponential_decay_length_penalty: from `start` new tokens on, the end gains |score| *
/// (factor^n - 1) at the n-th token behind them.
struct LengthDecay {
  std::int64_t start = 0;
  double factor = 1;
};

/// An entry of sequence_bias: what is added to the score of its last token where the others
/// stand at the end of the text.
struct SequenceBias {
  std::vector<std::int32_t> tokens; ///< at least one
  double bias = 0;
};

/// Names, meanings and defaults are transformers'. Lengths count the prompt (an
/// encoder-decoder's is its start token alone), as there.
struct GenerationSettings {
  std::int64_t maxLength = 20;
  std::int64_t minLength = 0;
  std::int64_t numBeams = 1;
  double lengthPenalty = 1;
  EarlyStopping earlyStopping = EarlyStopping::False;
  std::int64_t noRepeatNgramSize = 0;        ///< 0: off
  std::int64_t encoderNoRepeatNgramSize = 0; ///< n-grams of the source (a decoder: the prompt)
  double repetitionPenalty = 1;
  double encoderRepetitionPenalty = 1; ///< above 1: in favour of the source's tokens
  std::vector<SequenceBias> sequenceBias;
  std::vector<std::vector<std::int32_t>> badWords;
  std::vector<std::int32_t> suppressed, suppressedFirst; ///< begin_suppress_tokens
  std::optional<LengthDecay> lengthDecay;
  std::vector<std::int32_t> endIds; ///< eos_token_id; empty: only max_length ends a text
  std::optional<std::int32_t> forcedBegin;
  std::vector<std::int32_t> forcedEnd;
  std::optional<std::int32_t> decoderStart; ///< decoder_start_token_id
  bool renormalize = false;                 ///< renormalize_logits
  bool removeInvalid = false;               ///< remove_invalid_values
  bool sample = false; ///< do_sample
  double temperature = 1;
  std::int64_t topK = 50; ///< 0: off
  double topP = 1;
  std::optional<double> minP;              ///< of the best token's probability
  double typicalP = 1;                     ///< 1: off
  double epsilonCutoff = 0, etaCutoff = 0; ///< 0 and 1: off

  bool isEnd(std::int32_t id) const;
};

/// Takes what generation_config.json (or the generation keys of config.json) says over
/// `settings`. Fails on a key's type or range, naming file and key, and on features that change
/// the output and are not supported, by name. Null keys are absent ones.
Status readGenerationConfig(const JsonObject &config, GenerationSettings &settings);

} // namespace ftc::rt
