// RunData: the training, validation and test files of a run, read, checked and encoded beside
// training.
#pragma once

#include "runtime/io/Json.h"
#include "runtime/train/ExampleStream.h"
#include "runtime/train/Session.h"
#include "runtime/train/Settings.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace ftc::rt {

/// One file of examples.
struct DataSet {
  std::string path;
  std::shared_ptr<const DataTable> table; ///< one for all parts of a file that is split
  TaskColumns columns;
  std::vector<std::int64_t> rows; ///< of the table
  std::unique_ptr<ExampleStream> stream;
  std::optional<Baselines> baselines; ///< of written texts, once they are known
  bool cutsSaid = false; ///< a person was told how many examples were cut

  std::int64_t size() const { return static_cast<std::int64_t>(rows.size()); }
  bool hasLabels() const { return columns.label >= 0; }
  /// SHA-256 (hex) over what training sees of the file: the rows in order, each with the kind
  /// and the bytes of every cell that the task reads.
  Result<std::string> fingerprint() const;
};

struct RunData {
  std::unique_ptr<DataSet> train, validation, test; ///< absent: not given
  std::vector<std::string> remarks;                 ///< for people, one line each
  EncodeSettings encode;
  std::int64_t mostTrainingExamples = -1; ///< --max_train_samples

  /// Encodes all training examples, unless they are there, and waits.
  Result<std::span<const Example>> encodeTraining(const Session &session);
  /// Number of training examples. Windowed tasks: encodes all of them, and waits.
  Result<std::int64_t> countTraining(const Session &session);
  /// Starts encoding the training examples in this order, unless they are there.
  void startTraining(const Session &session, std::vector<std::int64_t> order);
};

/// A usage error for flags that the artifact's task, or an artifact for single texts, lacks.
Status checkFlags(const Session &session, const ColumnFlags &given, bool labelAllTokens);

/// Reads all files that the settings name and checks every label, so that what is wrong with
/// the data shows before anything is written. Validation and test sets begin to be encoded.
Result<std::unique_ptr<RunData>> readRunData(const Session &session,
                                             const TrainSettings &settings);

/// Reads one file of examples, or two of parallel text; without `needLabels` a label column may be missing.
Result<std::unique_ptr<DataSet>> readDataSet(const Session &session,
                                             std::span<const std::string> paths,
                                             const ColumnFlags &columns, bool needLabels,
                                             std::int64_t maxRows);

/// "5 of 40 validation examples were longer than 48 tokens and were cut; 71 tokens were lost", and
/// a line like it of targets; none where nothing was cut. With `all` false the examples are those
/// encoded so far, and the lines say so.
std::vector<std::string> describeCuts(std::string_view kind, const Cuts &cuts,
                                      std::int64_t examples, const EncodeSettings &settings,
                                      bool all = true);

/// What was cut as entries of result files: PREFIX_truncated_examples, PREFIX_truncated_tokens and
/// the same of targets; none where nothing was cut.
void addCuts(OrderedJson &metrics, const std::string &prefix, const Cuts &cuts);

/// What encodes `set`'s rows; `set` and `session` must outlive it.
EncodeSource encodeSource(const Session &session, const DataSet &set,
                          const EncodeSettings &settings);

} // namespace ftc::rt
