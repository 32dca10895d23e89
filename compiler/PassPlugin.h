// Passes of users' own in `ftc compile`: MLIR's pass plugins (mlir/Tools/Plugins/PassPlugin.h).
#pragma once

#include "runtime/support/Status.h"

#include <string>
#include <vector>

namespace ftc {

/// Loads a plugin, which registers its passes and pipelines, and returns the phases of
/// `emitPhases` that a pipeline of it, named ftc-after-PHASE, belongs to. The library stays
/// loaded. Fails, naming the flag, on a file that is missing or no plugin for this MLIR, and
/// where there is no such pipeline: then nothing of it would ever run.
rt::Result<std::vector<std::string>> loadPassPlugin(const std::string &file);

} // namespace ftc
