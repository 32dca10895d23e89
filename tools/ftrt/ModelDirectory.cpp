// What `ftrt eval`, `predict` and `export` are pointed at: the directory of a finished run, or
// one of its checkpoints with the artifact that it was written with.
#include "tools/ftrt/Commands.h"

#include "runtime/checkpoint/Checkpoints.h"
#include "runtime/support/File.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"
#include "runtime/train/Adapter.h"
#include "runtime/train/Session.h"

namespace ftc::cli {

/// step.ftb of a model's directory; an error says what to do.
static rt::Result<std::string> artifactOfModel(const std::string &directory) {
  std::string named = rt::quote(directory, 120);
  rt::PathKind kind = rt::pathKind(directory);
  if (kind == rt::PathKind::Missing)
    return rt::Status::error(
        "D: there is no " + named +
        "; expected the --output_dir of ftrt run, or one of its checkpoints");
  if (kind != rt::PathKind::Directory)
    return rt::Status::error(
        "D: expected the --output_dir of ftrt run, or one of its checkpoints, got the file " +
        named +
        (directory.ends_with(".ftb")
             ? ": an artifact has no weights; ftrt run " + rt::escape(directory, 60) +
                   " --train_file F --output_dir D makes a model of it"
             : ""));
  std::string artifact = artifactIn(directory);
  if (rt::isFile(artifact))
    return artifact;
  return rt::Status::error("D: expected a directory that ftrt run wrote, got no step.ftb in " +
                           named +
                           " or beside it; ftc compile makes one of a model, and ftrt run "
                           "--output_dir D puts it there");
}

/// A checkpoint belongs to one artifact; a run that has not ended has checkpoints alone.
static rt::Status checkModel(const rt::Session &session, const std::string &directory) {
  std::string file = rt::joinPath(directory, rt::manifestName);
  if (rt::isFile(file)) {
    FTC_ASSIGN_OR_RETURN(std::string text, rt::readFile(file, 1 << 20));
    FTC_ASSIGN_OR_RETURN(rt::Manifest manifest, rt::parseManifest(text, file));
    if (manifest.artifact == session.artifact->sha256())
      return rt::Status::ok();
    return rt::Status::error(
        rt::quote(directory, 120) + ": it was written with another artifact (SHA-256 " +
        manifest.artifact.substr(0, 16) + "...) than " +
        rt::quote(session.artifact->name(), 120) + " (" +
        session.artifact->sha256().substr(0, 16) + "...): put its own step.ftb into it");
  }
  bool adapter = rt::hasAdapter(*session.artifact);
  for (const char *name :
       {adapter ? rt::kAdapterWeights : "model.safetensors", "model.safetensors.index.json"})
    if (rt::isFile(rt::joinPath(directory, name)))
      return rt::Status::ok();
  FTC_ASSIGN_OR_RETURN(std::vector<std::int64_t> steps, rt::checkpointSteps(directory));
  if (steps.empty())
    return rt::Status::ok(); // loading says what is missing
  return rt::Status::error("D: the run in " + rt::quote(directory, 120) +
                           " has not ended and has no model yet; name its checkpoint " +
                           rt::quote(rt::checkpointPath(directory, steps.back()), 160) +
                           ", or go on with ftrt run --resume_from_checkpoint true");
}

rt::Result<std::unique_ptr<rt::Session>> openModel(const std::string &directory,
                                                   const rt::SessionOptions &options) {
  FTC_ASSIGN_OR_RETURN(std::string artifact, artifactOfModel(directory));
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::Session> session,
                       rt::Session::open(artifact, options));
  FTC_RETURN_IF_ERROR(checkModel(*session, directory));
  return session;
}

} // namespace ftc::cli
