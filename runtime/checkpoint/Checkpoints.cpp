// The checkpoints of an output directory.
#include "runtime/checkpoint/Checkpoints.h"

#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace ftc::rt {

static constexpr std::string_view prefix = "checkpoint-";

std::string checkpointPath(const std::string &outputDir, std::int64_t step) {
  return joinPath(outputDir, std::string(prefix) + std::to_string(step));
}

std::optional<std::int64_t> checkpointStep(std::string_view name) {
  if (!name.starts_with(prefix))
    return std::nullopt;
  name.remove_prefix(prefix.size());
  std::int64_t step = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), step);
  if (error != std::errc() || end != name.data() + name.size() || step < 0 ||
      name != std::to_string(step))
    return std::nullopt;
  return step;
}

Result<std::vector<std::int64_t>> checkpointSteps(const std::string &outputDir) {
  std::vector<std::int64_t> steps;
  if (pathKind(outputDir) == PathKind::Missing)
    return steps;
  FTC_ASSIGN_OR_RETURN(std::vector<std::string> names, listDirectory(outputDir));
  for (const std::string &name : names)
    if (std::optional<std::int64_t> step = checkpointStep(name);
        step && isDirectory(joinPath(outputDir, name)))
      steps.push_back(*step);
  std::sort(steps.begin(), steps.end());
  return steps;
}

Result<Manifest> verifyCheckpoint(const std::string &path) {
  std::string where = joinPath(path, manifestName);
  FTC_ASSIGN_OR_RETURN(std::string text, readFile(where, 1 << 20));
  FTC_ASSIGN_OR_RETURN(Manifest manifest, parseManifest(text, where));
  if (std::optional<std::int64_t> step = checkpointStep(baseName(path));
      step && *step != manifest.step)
    return Status::error(escape(where, 200) + ": it is of step " +
                         std::to_string(manifest.step) + ", expected " + std::to_string(*step));
  for (const ManifestFile &expected : manifest.files) {
    FTC_ASSIGN_OR_RETURN(File file, File::open(joinPath(path, expected.name)));
    if (file.size() != expected.bytes)
      return Status::error(quote(file.path(), 200) + " has " + std::to_string(file.size()) +
                           " bytes, expected " + std::to_string(expected.bytes));
    FTC_ASSIGN_OR_RETURN(std::string hash, sha256HexOfFile(file));
    if (hash != expected.sha256)
      return Status::error(quote(file.path(), 200) + " has SHA-256 " + hash.substr(0, 16) +
                           "..., expected " + expected.sha256.substr(0, 16) +
                           "...: it was altered");
  }
  return manifest;
}

Result<NewestCheckpoint> findNewestCheckpoint(const std::string &outputDir) {
  FTC_ASSIGN_OR_RETURN(std::vector<std::int64_t> steps, checkpointSteps(outputDir));
  NewestCheckpoint newest;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    std::string path = checkpointPath(outputDir, *step);
    Result<Manifest> manifest = verifyCheckpoint(path);
    if (manifest) {
      newest.step = *step;
      newest.path = std::move(path);
      newest.manifest = manifest.take();
      return newest;
    }
    if (manifest.status().code() == Code::Io)
      return manifest.takeStatus().withContext(
          "checkpoint-" + std::to_string(*step) +
          " could not be read, which does not make it damaged (try again, or name another one)");
    newest.damagedSteps.push_back(*step);
    newest.warnings.push_back("checkpoint-" + std::to_string(*step) +
                              " is damaged and passed over: " + manifest.status().message());
  }
  return newest;
}

Status setAsideCheckpoint(const std::string &outputDir, std::int64_t step) {
  std::string path = checkpointPath(outputDir, step), aside = path + ".damaged";
  for (int i = 2; pathKind(aside) != PathKind::Missing && i < 1000; ++i)
    aside = path + ".damaged-" + std::to_string(i);
  FTC_RETURN_IF_ERROR(renamePath(path, aside));
  return syncDirectory(outputDir);
}

/// FILE.PID-N.tmp where FILE is of a kind that a run writes through AtomicFile.
static bool isStaleFile(std::string_view name) {
  static constexpr std::array<std::string_view, 8> kinds = {
      ".safetensors", ".json", ".jsonl", ".txt", ".html", ".ftb", ".model", ".spm"};
  std::string_view stem = temporaryStem(name);
  return std::any_of(kinds.begin(), kinds.end(),
                     [&](std::string_view kind) { return stem.ends_with(kind); });
}

bool isHalfWritten(const std::string &outputDir, const std::string &name) {
  if (!isDirectory(joinPath(outputDir, name)))
    return isStaleFile(name);
  return name.ends_with(".tmp") &&
         checkpointStep(std::string_view(name).substr(0, name.size() - 4));
}

Status removeHalfWritten(const std::string &outputDir) {
  if (pathKind(outputDir) == PathKind::Missing)
    return Status::ok();
  FTC_ASSIGN_OR_RETURN(std::vector<std::string> names, listDirectory(outputDir));
  for (const std::string &name : names)
    if (isHalfWritten(outputDir, name))
      FTC_RETURN_IF_ERROR(removeTree(joinPath(outputDir, name)));
  return Status::ok();
}

Status removeCheckpoint(const std::string &outputDir, std::int64_t step) {
  std::string path = checkpointPath(outputDir, step), hidden = path + ".tmp";
  FTC_RETURN_IF_ERROR(removeTree(hidden));
  FTC_RETURN_IF_ERROR(renamePath(path, hidden));
  return removeTree(hidden);
}

Status rotateCheckpoints(const std::string &outputDir, std::int64_t limit,
                         std::optional<std::int64_t> bestStep, bool finished) {
  FTC_ASSIGN_OR_RETURN(std::vector<std::int64_t> steps, checkpointSteps(outputDir));
  std::int64_t least = finished ? 1 : 2;
  std::size_t keep = static_cast<std::size_t>(std::max(limit, least));
  std::size_t left = steps.size();
  // Unless finished, the one before the newest stays whatever the best one is.
  std::size_t removable = steps.size() - std::min<std::size_t>(steps.size(), least);
  for (std::size_t i = 0; i < removable && left > keep; ++i) {
    if (bestStep == steps[i])
      continue;
    FTC_RETURN_IF_ERROR(removeCheckpoint(outputDir, steps[i]));
    --left;
  }
  return Status::ok();
}

} // namespace ftc::rt
