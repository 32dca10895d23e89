// DataCheck: everything that is wrong with the data files of a run, found at once and without a
// model: what `ftrt run` would refuse, what it would take though nobody may mean it, and what
// there is (labels, duplicates, leakage, lengths).
//
//   DataCheckOptions options;
//   options.task = *findTask("text-classification");
//   options.train.paths = {"train.jsonl"};
//   FTC_ASSIGN_OR_RETURN(DataCheck check, checkData(options));
//   check.usable(); check.train->labels; check.train->duplicates.exact; …
#pragma once

#include "runtime/data/ReadProblems.h"
#include "runtime/tasks/LengthSummary.h"
#include "runtime/tasks/Task.h"

#include <map>

namespace ftc::rt {

/// Refused: `ftrt run` ends with an error. Warning: it goes on, and the result is probably not
/// what is wanted. Note: worth knowing.
enum class Severity { Refused, Warning, Note };

/// Where a finding is seen, and how.
struct FindingPlace {
  std::string path;
  std::int64_t line = 0;          ///< from 1; 0: the whole file
  std::string text;               ///< one line, safe to print
  std::string_view unit = "line"; ///< what `line` counts: "row" in files without lines
};

/// One kind of thing that was found, in one file.
struct Finding {
  std::string kind; ///< "unreadable-row", "missing-field", "conflicting-duplicate", …
  std::string what; ///< for people: "rows with an empty text"
  Severity severity = Severity::Note;
  std::string path;
  std::int64_t count = 0;           ///< all of them
  std::vector<FindingPlace> places; ///< the first DataCheckOptions::shown
};

/// Rows that have the same inputs as an earlier row of their file.
struct DuplicateCounts {
  std::int64_t exact = 0;       ///< the labels or targets too
  std::int64_t conflicting = 0; ///< other labels or targets
  std::int64_t distinct = 0;    ///< different inputs
};

/// Rows whose inputs stand in the training file too.
struct LeakageCounts {
  std::int64_t exact = 0;  ///< byte by byte
  std::int64_t folded = 0; ///< at least but for case and white space: with the exact ones
};

/// Lengths of a row in tokens, nothing cut.
struct TokenLengths {
  std::int64_t input = 0, target = 0;
};

/// A data file of the check; `table` stays for whoever goes on with it.
struct CheckedFile {
  std::string role; ///< "train", "validation" or "test"
  std::string path;
  DataTable table;
  TaskColumns columns;
  bool readable = false;            ///< it was read, and has the task's columns
  ReadProblems problems;            ///< rows that could not be read
  std::vector<std::int64_t> usable; ///< rows of the table that the task takes
  std::int64_t refusedRows = 0;     ///< rows of the table that it does not
  /// [rows()], of those that are usable; empty without a tokenizer.
  std::vector<TokenLengths> tokenLengths;
  /// Labels and how many rows (token classification: words) have them, of usable rows.
  std::map<std::string, std::int64_t> labels;
  std::int64_t rowsWithoutLabel = 0; ///< multi-label rows of none; questions without an answer
  DuplicateCounts duplicates;
  LeakageCounts leakage;                      ///< of validation and test files
  LengthSummary characters, targetCharacters; ///< code points (words, of token classification)
  LengthSummary tokens, targetTokens;         ///< empty without a tokenizer
  CutSummary cut, targetCut;                  ///< by the limits of DataCheckOptions::encode

  std::int64_t rows() const { return table.rows(); }
};

struct DataCheckInput {
  std::vector<std::string> paths; ///< one file, or two of parallel text; empty: none
};

struct DataCheckOptions {
  /// As findTask gives it; the training file's labels say which of text classification's
  /// problems it is, unless `problemKnown`.
  const Task *task = nullptr;
  bool problemKnown = false;
  DataCheckInput train, validation, test;
  ColumnFlags columns;
  std::vector<std::string>
      labels;                ///< the model's, in class order; empty: those of the training file
  std::int64_t maxRows = -1; ///< of each file
  std::size_t shown = 5;     ///< places of each finding
  const Tokenizer *tokenizer = nullptr; ///< for lengths in tokens; null: there are none
  /// Limits, chat template and target settings; lengths are measured without the limits.
  EncodeSettings encode;
};

struct DataCheck {
  const Task *task = nullptr; ///< the problem that the labels are
  std::vector<std::string>
      labels; ///< in class order; empty: the task has none, or they are too few
  std::optional<CheckedFile> train, validation, test;
  std::vector<Finding> findings; ///< refused ones first, then warnings, then notes

  /// Whether `ftrt run` would take the files.
  bool usable() const;
  /// How many findings of a severity there are.
  std::int64_t countOf(Severity severity) const;
  /// The files there are, in the order above.
  std::vector<const CheckedFile *> files() const;
};

/// Reads and checks the files. Fails on wrong flags alone (exit code 2): what is wrong with
/// files is a finding, also where one cannot be opened. Takes memory as ftrt run does, and 100
/// bytes a row.
Result<DataCheck> checkData(const DataCheckOptions &options);

/// The check for people: a table of files, findings with their places, labels, lengths.
std::string describeCheck(const DataCheck &check);

/// The same for programs, one JSON object; docs/data.md has its keys.
std::string checkJson(const DataCheck &check);

} // namespace ftc::rt
