// OutputDirectory: when --output_dir may be written to, and what an overwritten one loses.
#pragma once

#include "runtime/support/File.h"
#include "runtime/train/Settings.h"

namespace ftc::rt {

/// Whether `settings.outputDir` may be used, changing nothing: one that is not empty is refused
/// without --resume_from_checkpoint or --overwrite_output_dir.
Status checkOutputDirectory(const TrainSettings &settings);

/// Locks the directory against other runs while the descriptor is open, before anything in it
/// is read; fails where another run has it. No descriptor (-1) where the directory is missing.
Result<FileDescriptor> lockOutputDirectory(const std::string &directory);

/// Makes the directory if it is missing, with `lock` then (fails where another run has written
/// to it meanwhile), and makes sure that it can be written to; with --overwrite_output_dir,
/// checkpoints and results of the earlier run are removed.
Status prepareOutputDirectory(const TrainSettings &settings, FileDescriptor &lock);

} // namespace ftc::rt
