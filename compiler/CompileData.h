// What the compiler looks at in the training data: the label set and the lengths of examples.
#pragma once

#include "compiler/Compile.h"
#include "runtime/tasks/Task.h"
#include "runtime/tokenizers/Tokenizer.h"

#include <nlohmann/json.hpp>

namespace ftc {

/// The data's influence on an artifact; nothing else of the data is stored.
struct DataSummary {
  const rt::Task *task = nullptr;  ///< the named one, for the kind of labels that there are
  std::vector<std::string> labels; ///< class id -> text
  bool pair = false;               ///< rows are pairs, or may be: there was no data to look at
  std::int64_t examples = 0;
  std::int64_t longest = 0;      ///< tokens, uncut; 0 without data
  std::int64_t meanTokens = 0;   ///< rounded up
  std::int64_t meanTarget = 0;   ///< tokens of the target, rounded up; 0 where there is none
  rt::TokenStatistics sources, targets; ///< of the rows; empty without data
  std::string note;              ///< a line about the labels, or empty
};

/// Decides by the training data's labels, else by the checkpoint's problem_type, which of text
/// classification's problems it is. Reads labels from the training file, `--labels`, or the checkpoint's id2label, in that
/// order of preference. Fails when none of them gives at least two labels, unless the task has
/// no label set.
rt::Result<DataSummary> summarizeData(const CompileOptions &options, const rt::Task &task,
                                      const nlohmann::ordered_json &config,
                                      const rt::Tokenizer &tokenizer,
                                      const rt::EncodeSettings &settings);

/// What the lengths that were chosen will cut of the training data, a line for inputs and one for
/// targets: "3 of 8 training examples are longer than 16 tokens and will be cut: 71 tokens are
/// lost" (of windowed tasks: "become several windows"); none where nothing is longer.
std::vector<std::string> describeCuts(const DataSummary &data, std::int64_t maxSequence,
                                      std::int64_t maxTarget);

} // namespace ftc
