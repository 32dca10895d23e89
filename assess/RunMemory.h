// RunMemory: what the process of a whole `ftrt run` holds at its peak, from what the compiler
// and the data know before it starts.
#pragma once

#include "assess/Runs.h"

namespace ftc::assess {

/// Bytes beside a plan's.
struct RunMemory {
  std::int64_t program = 0;  ///< code, libraries, the artifact's mapping, the tokenizer
  std::int64_t texts = 0;    ///< tables of the data files
  std::int64_t examples = 0; ///< tokenized rows
  std::int64_t evaluated =
      0; ///< what the model gave for the evaluation's rows, and files of it

  std::int64_t beside() const { return program + texts + examples + evaluated; }
};

/// Bytes of an encoded example as malloc gives them; `forOutputs`: with what evaluation alone
/// reads.
std::int64_t exampleBytes(const rt::Example &example, bool forOutputs);

/// One file of a run, or a part of one: its table, the number of its rows that the run reads,
/// and some of them, encoded, which stand for all. Parts of one file have the same table, which
/// is held once.
struct FileOfRun {
  const rt::DataTable *table = nullptr;
  std::int64_t rows = 0;
  std::span<const rt::Example> some{};
  std::int64_t someRows = 0;
};

/// `artifact`: the session's file. Absent files have no table. Of evaluation, the files of
/// question answering are counted with `questions`' n best.
RunMemory memoryBesidePlan(const rt::Session &session, std::int64_t artifactBytes,
                           const FileOfRun &train, const FileOfRun &evaluation,
                           const rt::QuestionSettings &questions);

} // namespace ftc::assess
