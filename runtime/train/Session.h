// Session: an artifact opened for work: device, executor, task, labels, tokenizer and batch
// limits. Training, evaluation, prediction and benchmarks all begin with one.
#pragma once

#include "runtime/executor/Executor.h"
#include "runtime/tasks/Batch.h"
#include "runtime/tasks/ChatTemplate.h"
#include "runtime/tasks/Task.h"
#include "runtime/train/TouchedRows.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ftc::rt {

struct SessionOptions {
  std::string device = "cpu";
  unsigned threads = 0;
  /// Programs to prepare. Names the artifact lacks are left out; at least one must remain.
  std::vector<std::string> programs;
  /// Prepared too where evaluations score written texts (Task::hasTargetText): their caches take
  /// memory.
  std::vector<std::string> scoringPrograms;
  bool profile = false;
  /// Where gradients lie to begin with; a StepRunner moves them when a step needs it.
  GradientPlace gradients = GradientPlace::Arena;
};

/// Everything stays where it is for the session's life: members refer to one another.
struct Session {
  std::shared_ptr<const ArtifactReader> artifact;
  std::shared_ptr<Device> device;
  unsigned hostThreads = 1; ///< of this CPU for what the device does not do: encoding texts
  std::unique_ptr<Executor> executor;
  DemandedRows demanded; ///< of the executor's embedding tables
  TouchedRows touched;   ///< of the executor's training programs
  const Task *task = nullptr;
  LabelSet labels;
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<Tokenizer> targetTokenizer; ///< where targets have one of their own
  TokenizerFiles tokenizerFiles;
  std::unique_ptr<ChatTemplate> chat; ///< null: the model has none
  BatchLayout layout;
  BatchCapacity capacity;
  std::vector<float> classWeights; ///< [labels], 1 unless a run weighs them; without labels: []
  EncodeSettings encode;
  std::string sourceLang, targetLang; ///< in force for tasks with target texts; may be empty
  std::int32_t padding = -1; ///< generate's padding: config.json's, else what ends a text

  /// Opens `artifactPath` with all its parts. Weights are not loaded.
  static Result<std::unique_ptr<Session>> open(const std::string &artifactPath,
                                               const SessionOptions &options);
  /// The same without device and executor: what tokenizing needs.
  static Result<std::unique_ptr<Session>> openWithoutDevice(const std::string &artifactPath);
  /// Tasks with target texts: what is put before every source, and, of encoder-decoders, the
  /// tokenizers of the languages that flags name (else those compiled for). Other tasks: nothing,
  /// and no error.
  Status prepareTargets(const ColumnFlags &columns, const std::optional<std::string> &sourcePrefix);
  /// Translation without languages: those of the training data's columns are in force from now
  /// on.
  void keepLanguages(const DataTable &table, const TaskColumns &columns);
  /// What the task's collector of outputs is made for.
  OutputSource outputSource(std::span<const Example> examples, const DataTable &table,
                            const TaskColumns &columns, const QuestionSettings &questions) const;
  /// The columns that flags name, else those the compiler was told.
  ColumnFlags columnFlags(const ColumnFlags &given) const;
};

/// Bytes that the session's executor takes as it is now: what it reserves, without rows of tables,
/// gradients and moments that no text has named.
std::int64_t plannedBytes(const Session &session);

/// FLOP/s that this CPU's multiply-adds reach at the products of the session's variant, the
/// best of `attempts`; 0 on another device.
double multiplyAddPeak(const Session &session, int attempts);

/// Whether one of the artifact's variants has a program of that name.
bool hasProgram(const ArtifactReader &artifact, std::string_view name);

} // namespace ftc::rt
