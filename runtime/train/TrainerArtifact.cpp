// The run's own step.ftb: copied before the first step, so that checkpoints can be evaluated
// whatever becomes of the file that was given, and put into --output_dir with the first of them
// or with the model. Until then the copy has no name: a run that is killed leaves a directory
// that the next one can use.
#include "runtime/train/Trainer.h"

#include "runtime/checkpoint/Checkpoints.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"
#include "runtime/train/Adapter.h"
#include "runtime/train/Weights.h"

#include <algorithm>
#include <filesystem>

namespace ftc::rt {

bool Trainer::trainsFromOutput() const {
  const abi::Adapter *adapter = (*session->artifact)->adapter();
  std::vector<std::string> sources{baseModelPath(*session->artifact, settings.modelPath)};
  if (adapter && adapter->path())
    sources.emplace_back(text(adapter->path()));
  return std::any_of(sources.begin(), sources.end(), [&](const std::string &path) {
    return isSameFile(settings.outputDir, path);
  });
}

/// A run may go over what an earlier run left, but not over a model that none wrote: training
/// it again would need that.
Status Trainer::checkSource() const {
  const std::string &directory = settings.outputDir;
  if (from || !trainsFromOutput() || isFile(joinPath(directory, "trainer_state.json")))
    return Status::ok();
  FTC_ASSIGN_OR_RETURN(std::vector<std::int64_t> saved, checkpointSteps(directory));
  if (!saved.empty())
    return Status::ok();
  return Status::error("--output_dir " + quote(directory) +
                       ": holds the model that is trained from; give another directory");
}

Status Trainer::placeArtifact() {
  const std::string &directory = settings.outputDir;
  std::string there = joinPath(directory, "step.ftb");
  if (artifactThere)
    return Status::ok();
  bool was = pathKind(there) != PathKind::Missing;
  // An overwritten run's weights would pass for this one's; what is trained from stays.
  if (!from && isFile(there) && !trainsFromOutput())
    for (const char *name : {"model.safetensors", kAdapterWeights, kAdapterConfig})
      FTC_RETURN_IF_ERROR(removeFile(joinPath(directory, name)));
  if (heldArtifact)
    FTC_RETURN_IF_ERROR(heldArtifact->commit());
  heldArtifact.reset();
  artifactThere = true;
  placedArtifact = !was;
  return Status::ok();
}

void Trainer::withdrawArtifact() {
  const std::string &directory = settings.outputDir;
  heldArtifact.reset();
  Result<std::vector<std::int64_t>> saved = checkpointSteps(directory);
  if (exported || !saved || !saved->empty())
    return;
  // Where this fails the run's own error is what matters.
  std::error_code ignored;
  if (placedArtifact)
    std::filesystem::remove(joinPath(directory, "step.ftb"), ignored);
  if (madeDirectory) // event files keep it
    std::filesystem::remove(directory, ignored);
}

} // namespace ftc::rt
