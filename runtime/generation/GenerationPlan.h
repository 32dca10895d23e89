// What a run of generation does: the checkpoint's generation_config.json, the flags over it,
// and what the artifact was compiled for.
#pragma once

#include "runtime/artifact/ArtifactReader.h"
#include "runtime/generation/GenerationSettings.h"

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
  /// capacities; min_new_tokens goes before min_length, as in transformers.
  GenerationSettings settingsFor(std::int64_t promptTokens) const;

  /// Tokens that a decoder's prompt may have so that at least one more can be written.
  std::int64_t mostPromptTokens() const;

  std::int64_t beams() const { return settings.numBeams; }
  std::uint32_t seed() const { return drawn; }

private:
  Status readConfig(const ArtifactReader &artifact);
  Status takeFlags(const GenerationFlags &flags, const abi::Generation &compiled);

  GenerationSettings settings;
  std::optional<std::int64_t> newTokens, totalTokens, leastNewTokens;
  std::int64_t targetCapacity = 0, longest = 0;
  std::uint32_t drawn = 42;
};

} // namespace ftc::rt
