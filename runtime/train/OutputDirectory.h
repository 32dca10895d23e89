// OutputDirectory: when --output_dir may be written to, and what an overwritten one loses.
#pragma once

#include "runtime/train/Settings.h"

namespace ftc::rt {

/// Makes `settings.outputDir` if it is missing and checks that it can be written to. One that
/// is not empty is refused without --resume_from_checkpoint or --overwrite_output_dir; with
/// the latter, checkpoints and results of the earlier run are removed.
Status prepareOutputDirectory(const TrainSettings &settings);

} // namespace ftc::rt
