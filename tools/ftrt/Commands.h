// The commands of ftrt: each takes what follows its name and returns how it went.
#pragma once

#include "runtime/generation/GenerationPlan.h"
#include "runtime/support/Status.h"
#include "runtime/tasks/Task.h"
#include "runtime/train/Session.h"
#include "runtime/train/Settings.h"
#include "tools/flags/FlagSet.h"

#include <optional>
#include <span>
#include <string>

namespace ftc::cli {

using Arguments = std::span<const std::string>;

rt::Status runCommand(Arguments arguments);
rt::Status evalCommand(Arguments arguments);
rt::Status predictCommand(Arguments arguments);
rt::Status exportCommand(Arguments arguments);
rt::Status tokenizeCommand(Arguments arguments);
rt::Status devicesCommand(Arguments arguments);
rt::Status benchCommand(Arguments arguments);
rt::Status checkDataCommand(Arguments arguments);

/// --device and --threads, which most commands have.
struct DeviceFlags {
  std::string device = "cpu";
  std::int64_t threads = 0;
  void declare(FlagSet &flags);
};

/// Question answering's flags.
void declareQuestions(FlagSet &flags, rt::QuestionSettings &settings);

/// Columns, languages and prefix of summarization and translation.
void declareTargets(FlagSet &flags, rt::ColumnFlags &columns,
                    std::optional<std::string> &prefix);
/// Flags of tasks that write texts.
void declareGeneration(FlagSet &flags, rt::GenerationFlags &settings);
/// --predict_with_generate, of commands that evaluate.
void declarePredictWithGenerate(FlagSet &flags, bool &generate);

/// --model_name_or_path: where the base model under an adapter lies now.
void declareBasePath(FlagSet &flags, std::string &path);

/// A step.ftb itself, or the one in a directory that `ftrt run` wrote.
std::string artifactIn(const std::string &path);

/// --report_to, --logging_dir and --run_name.
struct TrackerFlags {
  std::vector<std::string> names = {"none"};
  std::string loggingDir, runName;
  void declare(FlagSet &flags);
  /// Takes them into `settings`; `remark` is what a person should read of trackers that are not
  /// there, or stays empty. A usage error for names that nobody knows.
  rt::Status resolve(rt::TrainSettings &settings, std::string &remark) const;
};

/// The tokenizer of an artifact, of a run's output directory, of a model directory, or of a GGUF
/// file.
rt::Result<std::unique_ptr<rt::Tokenizer>> openTokenizer(const std::string &path);

/// What tokenizers are made from in a model directory, or in the GGUF file that it stands for.
struct ModelTokenizer {
  rt::TokenizerFiles files;
  std::string modelType;       ///< config.json's; empty without one
  bool encoderDecoder = false; ///< config.json's is_encoder_decoder
  std::int32_t endOfText = -1; ///< config.json's eos_token_id, the first of several; -1: none
};
rt::Result<ModelTokenizer> readModelTokenizer(const std::string &path);

/// Flags of Hugging Face's scripts that `ftrt run` takes for nothing, or refuses with what to do.
void declareHuggingFace(FlagSet &flags);

/// Opens the artifact of a model that `ftrt run` wrote: of its --output_dir or of one of its
/// checkpoints. An error for what is no such directory, saying what to do. Loads no weights.
rt::Result<std::unique_ptr<rt::Session>> openModel(const std::string &directory,
                                                   const rt::SessionOptions &options);

/// Flags that belong to `ftc compile`.
void refuseCompileOptions(FlagSet &flags);

} // namespace ftc::cli
