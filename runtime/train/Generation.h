// Texts that a model writes for the rows of a table: prompts, generation, and ids back to text.
#pragma once

#include "runtime/train/Generator.h"

namespace ftc::rt {

struct WrittenTexts {
  std::vector<WrittenText> texts; ///< one a row
  std::int64_t cutPrompts = 0;    ///< longer than the artifact's max_source_length
};

/// Writes a text for each of `rows` of the table, as task and flags say. `session` was opened
/// with prefill and decode and has its weights. Fails as GenerationPlan and Generator do.
Result<WrittenTexts> writeTexts(Session &session, const DataTable &table,
                                const TaskColumns &columns, std::span<const std::int64_t> rows,
                                const GenerationFlags &flags,
                                const GenerationProgress &progress);

/// "3 of 40 prompts were longer than 64 tokens: their beginnings were cut"; empty for none.
std::string describePromptCuts(const Session &session, const WrittenTexts &written);

} // namespace ftc::rt
