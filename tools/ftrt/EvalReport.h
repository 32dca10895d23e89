// EvalReport: the page of ftrt eval --report_file.
#pragma once

#include "runtime/tasks/Task.h"
#include "runtime/train/Evaluation.h"
#include "runtime/train/RunData.h"

#include <string>
#include <vector>

namespace ftc::cli {

/// What an evaluation leaves; all of it outlives the call.
struct EvalFacts {
  const rt::Session &session;
  const rt::DataSet &set;
  const rt::EncodedTable &encoded;
  const rt::EvaluationResult &result;
  const rt::TaskOutputs &outputs;
  const rt::OrderedJson &metrics; ///< "eval_..."
  const std::string &details;
  bool written = false; ///< texts were generated
};

/// Writes the page about `facts` to `path`; `command` is what was typed.
rt::Status writeEvalReport(const std::string &path, const EvalFacts &facts,
                           std::vector<std::string> command);

} // namespace ftc::cli
