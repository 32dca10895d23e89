// OutputDirectory: when --output_dir may be written to, and what an overwritten one loses.
#pragma once

#include "runtime/support/File.h"
#include "runtime/train/Settings.h"

namespace ftc::rt {

/// Whether `settings.outputDir` may be used, changing nothing: one that is not empty is refused
/// without --resume_from_checkpoint or --overwrite_output_dir.
Status checkOutputDirectory(const TrainSettings &settings);

/// Makes the directory if it is missing and makes sure that it can be written to; with
/// --overwrite_output_dir, checkpoints and results of the earlier run are removed. The
/// descriptor locks the directory against other runs while it is open; fails where another one
/// has it.
Result<FileDescriptor> prepareOutputDirectory(const TrainSettings &settings);

} // namespace ftc::rt
