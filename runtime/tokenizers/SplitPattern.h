// The regular expressions that pre-tokenizers use, each matched by hand as Oniguruma matches
// it.
#pragma once

#include <cstddef>
#include <string_view>

namespace ftc::rt {

/// Returns the end of the match that begins at `at` (< text.size(), on a character's first
/// byte). The patterns match at every position, so the matches tile a text.
using PatternMatcher = std::size_t (*)(std::string_view text, std::size_t at);

/// GPT-2's pattern, ByteLevel's default.
std::size_t matchGpt2(std::string_view text, std::size_t at);
/// The matcher of a pattern written exactly as its model's tokenizer.json writes it (GPT-2,
/// Llama-3, Qwen2), or null.
PatternMatcher findPattern(std::string_view regex);

} // namespace ftc::rt
