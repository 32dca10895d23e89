// Texts that a model writes for the rows of a table: prompts, generation, and ids back to text.
#pragma once

#include "runtime/train/Generator.h"

namespace ftc::rt {

/// Rows as a model that writes texts begins with them.
struct Prompts {
  std::string path;              ///< the file that they are from
  std::vector<Example> examples; ///< one a row
  std::int64_t cut = 0;          ///< of them, longer than `limit`
  std::int64_t cutTokens = 0;    ///< what those had beyond it
  std::int64_t limit = 0;        ///< tokens
};

/// Encodes `rows` of the table, cut to the artifact's max_source_length and so that at least
/// one token can be written. Fails on flags that the artifact cannot follow, and on a row that
/// gives no prompt.
Result<Prompts> encodePrompts(const Session &session, const DataTable &table,
                              const TaskColumns &columns, std::span<const std::int64_t> rows,
                              const GenerationFlags &flags);

/// Writes a text for each prompt, as the flags say. `session` was opened with prefill and
/// decode and has its weights. Fails as GenerationPlan and Generator do.
Result<std::vector<WrittenText>> writeTexts(Session &session, const Prompts &prompts,
                                            const GenerationFlags &flags,
                                            const GenerationProgress &progress);

/// "3 of 40 prompts were longer than 64 tokens: their beginnings were cut; 9 tokens were lost" (with target texts:
/// "their sources' ends"); empty for none.
std::string describePromptCuts(const Session &session, const Prompts &prompts);

/// A usage error where generation flags are given and `task` never writes, or not for this
/// `command`.
Status checkGenerationFlags(const Task &task, const GenerationFlags &flags,
                            std::string_view command);

/// "--num_beams, --top_k": those of the flags that were given; empty for none.
std::string givenGenerationFlags(const GenerationFlags &flags);

} // namespace ftc::rt
