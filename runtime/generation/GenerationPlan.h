// What a run of generation does: the checkpoint's generation_config.json, the flags over it,
// and what the artifact was compiled for.
#pragma once

#include "runtime/artifact/ArtifactReader.h"
#include "runtime/generation/GenerationSettings.h"

#include <span>

namespace ftc::rt {

/// The flags of ftrt; those that are absent leave what generation_config.json says.
struct GenerationFlags {
  std::optional<std::int64_t> numBeams, noRepeatNgramSize, maxNewTokens, maxLength, minLength,
      topK;
  std::optional<std::int64_t> minNewTokens; ///< no flag of its own: minLength without a prompt
  std::optional<double> lengthPenalty, temperature, topP;
  std::optional<bool> doSample;
  std::int64_t seed = 42;
};

/// Settings that hold for every prompt, and how far each may go.
class GenerationPlan {
public:
  /// Reads generation_config.json of the artifact, or where it has none the generation keys of
  /// config.json, then the flags. Without an eos_token_id the config.json's ends a text. Fails
  /// on settings that are not supported, and on flags (exit code 2) or a num_beams beyond what
  /// the artifact was compiled for.
  static Result<GenerationPlan> make(const ArtifactReader &artifact,
                                     const GenerationFlags &flags);

  /// The settings for a prompt of so many tokens: maxLength and minLength count them. New
  /// tokens are limited by max_new_tokens, else by max_length, and always by the artifact's
  /// capacities; min_new_tokens goes before min_length, as in transformers. An
  /// encoder-decoder's prompt is its start token, and without flags its max_length is the
  /// artifact's max_target_length, as run_summarization.py and run_translation.py have it.
  GenerationSettings settingsFor(std::int64_t promptTokens) const;

  /// Tokens that a decoder's prompt may have so that at least one more can be written.
  std::int64_t mostPromptTokens() const;

  /// An encoder-decoder: texts have a source, and begin with decoderStart().
  bool hasSource() const { return encoderDecoder; }
  /// generation_config.json's decoder_start_token_id, else config.json's, else the family's.
  std::optional<std::int32_t> decoderStart() const { return settings.decoderStart; }
  /// Where nothing above says so (mBART), texts begin as targets do in training: `around` is
  /// what the target's tokenizer puts around an empty text. Its last token is the start; a
  /// language before `end`, the model's own eos_token_id (mBART-50), is forced_bos_token_id.
  void beginAsTargets(std::span<const std::int32_t> around, std::int32_t end);

  std::int64_t beams() const { return settings.numBeams; }
  std::uint32_t seed() const { return drawn; }

private:
  Status readConfig(const ArtifactReader &artifact);
  Status readStart(const JsonObject &modelConfig, std::int32_t family);
  Status takeFlags(const GenerationFlags &flags, const abi::Generation &compiled);

  GenerationSettings settings;
  std::optional<std::int64_t> newTokens, totalTokens, leastNewTokens;
  std::int64_t targetCapacity = 0, longest = 0;
  bool encoderDecoder = false;
  std::uint32_t drawn = 42;
};

} // namespace ftc::rt
