// ftrt export: the model of a finished run (or of one of its checkpoints) as a directory that
// transformers loads.
#include "tools/ftrt/Commands.h"

#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"
#include "runtime/train/Adapter.h"
#include "runtime/train/Export.h"
#include "runtime/train/Weights.h"

namespace ftc::cli {

using rt::Status;

Status exportCommand(Arguments arguments) {
  std::string directory, target, basePath;
  bool merge = false;
  FlagSet flags("ftrt export", "D --to HF_DIR",
                "Writes weights, config.json and tokenizer files in Hugging Face layout.");
  flags.positional("D", directory, "the --output_dir of ftrt run, or one of its checkpoints");
  flags.group("Export");
  flags.text("to", target, "DIR", "where to write; must not hold a model yet");
  flags.require("to");
  flags.boolean(
      "merge_lora", merge,
      "true: the base model with its adapters merged in, false: the adapter for PEFT");
  declareBasePath(flags, basePath);
  FTC_ASSIGN_OR_RETURN(Outcome outcome, flags.parse(arguments));
  if (outcome == Outcome::Done)
    return Status::ok();
  for (const char *name : {"model.safetensors", rt::kAdapterWeights})
    if (rt::pathKind(rt::joinPath(target, name)) != rt::PathKind::Missing)
      return Status::error("--to " + rt::quote(target) + ": holds " + name +
                           " already; give another directory");
  rt::SessionOptions options;
  options.programs = {"evaluate"};
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::Session> session, openModel(directory, options));
  if (merge && !rt::hasAdapter(*session->artifact))
    return Status::usage("--merge_lora: " + session->artifact->name() +
                         " was not compiled with --method lora; leave the flag out");
  FTC_RETURN_IF_ERROR(rt::loadBaseWeights(*session, basePath));
  FTC_RETURN_IF_ERROR(rt::loadModelWeights(*session, directory));
  FTC_RETURN_IF_ERROR(rt::makeDirectories(target).withContext("--to"));
  return rt::exportModel(*session, target, /*withArtifact=*/false,
                         merge ? rt::AdapterForm::Merged : rt::AdapterForm::Apart)
      .withContext("--to");
}

} // namespace ftc::cli
