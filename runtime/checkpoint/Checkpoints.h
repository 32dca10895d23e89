// The checkpoints of an output directory: finding the newest that is whole, removing what a
// killed run left, keeping as many as asked for.
#pragma once

#include "runtime/checkpoint/CheckpointWriter.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ftc::rt {

/// OUTPUT_DIR/checkpoint-STEP.
std::string checkpointPath(const std::string &outputDir, std::int64_t step);
/// The step of a name "checkpoint-12" spelled without leading zeros, or nothing.
std::optional<std::int64_t> checkpointStep(std::string_view name);

/// The steps of all directories named checkpoint-N, ascending; empty when `outputDir` does not
/// exist. They are not verified.
Result<std::vector<std::int64_t>> checkpointSteps(const std::string &outputDir);

/// Reads the manifest and holds every file's size and SHA-256 against it, and the step against
/// the directory's name if that is of the form checkpoint-N.
Result<Manifest> verifyCheckpoint(const std::string &path);

struct NewestCheckpoint {
  /// Empty when there is none that is whole.
  std::optional<std::int64_t> step;
  std::string path;
  Manifest manifest;
  /// Newer ones that are damaged: steps, and one line each saying why it was passed over.
  std::vector<std::int64_t> damagedSteps;
  std::vector<std::string> warnings;
};
/// The newest checkpoint that verifies. Changes nothing. A file that the system fails to read
/// (Code::Io) is an error: its checkpoint may be whole.
Result<NewestCheckpoint> findNewestCheckpoint(const std::string &outputDir);

/// Renames a damaged checkpoint-N to checkpoint-N.damaged (with -2, -3... when taken), so that
/// step N can be saved again and nothing is lost that someone may want to look at.
Status setAsideCheckpoint(const std::string &outputDir, std::int64_t step);

/// Whether `name` in `outputDir` is what a killed process leaves: a directory checkpoint-N.tmp, or
/// a file FILE.PID-N.tmp of the kinds that a run writes.
bool isHalfWritten(const std::string &outputDir, const std::string &name);

/// Removes what isHalfWritten names. A missing directory is fine.
Status removeHalfWritten(const std::string &outputDir);

/// Removes one checkpoint so that at every instant it is whole or no longer visible.
Status removeCheckpoint(const std::string &outputDir, std::int64_t step);

/// Removes the oldest checkpoints until `limit` (at least 1) are left; the newest and the one
/// of `bestStep` are never removed. Unless `finished`, at least two are kept: a damaged newest
/// one must have another to fall back to.
Status rotateCheckpoints(const std::string &outputDir, std::int64_t limit,
                         std::optional<std::int64_t> bestStep, bool finished);

} // namespace ftc::rt
