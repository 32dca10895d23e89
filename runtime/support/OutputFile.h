// OutputFile: whether a result's place can be written to, asked before the work that makes it.
#pragma once

#include "runtime/support/Status.h"

#include <string>

namespace ftc::rt {

/// Whether a file could be written at `path`, leaving nothing there: its directory exists and a
/// file can be made in it, and `path` itself is no directory.
Status checkWritableFile(const std::string &path);

} // namespace ftc::rt
