// Checkpointing: what a training checkpoint holds and which ones are kept. The commit protocol
// is runtime/checkpoint's.
#pragma once

#include "runtime/checkpoint/Checkpoints.h"
#include "runtime/train/Session.h"
#include "runtime/train/TrainState.h"

#include <functional>
#include <optional>
#include <string>

namespace ftc::rt {

/// What must be the same for a resumed run to go on where the other stopped.
struct RunIdentity {
  std::string artifact; ///< SHA-256
  std::string trainData; ///< SHA-256 of what is used of --train_file
  bool labelAllTokens = false;
  std::int64_t trainExamples = 0, batchSize = 0, accumulation = 0;
  std::int64_t seed = 0;
  bool shuffle = true;
  std::int64_t splitPercentage = 0;
  std::optional<std::int64_t> docStride; ///< of windowed tasks
  /// Of tasks with targets: --source_lang and --target_lang, and --source_prefix.
  std::optional<std::string> languages, sourcePrefix;
  /// Flags of the loss and the update, by name: moments and best metric mean nothing under others.
  OrderedJson loss = OrderedJson::object();
  /// Flags of the run's length and rates, by name: to train longer or at another rate is legitimate.
  OrderedJson schedule = OrderedJson::object();

  OrderedJson toJson() const;
  /// Ok when `json` says the same, else an error that names the flag and both values.
  Status compare(const Json &json, std::string_view source) const;
  /// What `json` says otherwise of `schedule`: "--learning_rate: 1e-3, was 5e-5".
  std::vector<std::string> changes(const Json &json) const;
};

class CheckpointStore {
public:
  /// `limit`: --save_total_limit. Two at least are kept until prune().
  CheckpointStore(std::string outputDir, RunIdentity identity,
                  std::optional<std::int64_t> limit)
      : directory(std::move(outputDir)), identity(std::move(identity)), limit(limit) {}

  /// Removes what a killed run left half-written.
  Status clean() const { return removeHalfWritten(directory); }
  /// Commits the state as checkpoint-<step>; an existing one of that step stays as it is.
  /// Then removes the oldest beyond the limit, the best one and the two newest excepted.
  /// `beforeCommit` is called when all is written and nothing to be seen yet.
  Status save(Session &session, const TrainState &state, const TrainerFacts &facts,
              const std::function<Status()> &beforeCommit) const;
  /// The newest checkpoint that is whole, if any. Damaged newer ones are set aside, each with
  /// a line in `warnings`.
  Result<std::optional<std::string>> newest(std::vector<std::string> &warnings) const;
  /// Loads weights, moments and state. `changes`: what the run does otherwise from here on.
  Result<TrainState> load(Session &session, const std::string &path,
                          std::vector<std::string> &changes) const;
  /// Loads the weights of checkpoint-<step> alone.
  Status loadWeights(Session &session, std::int64_t step) const;
  /// At the end of a run: keeps `limit` checkpoints, the best one among them.
  Status prune(const TrainState &state) const;
  std::string path(std::int64_t step) const;
  bool has(std::int64_t step) const;

private:
  std::string directory;
  RunIdentity identity;
  std::optional<std::int64_t> limit;
};

} // namespace ftc::rt
