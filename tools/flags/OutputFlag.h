// Flags that name a file to write: that it can be written, and is none that the command reads.
#pragma once

#include "runtime/support/Status.h"

#include <span>
#include <string>
#include <string_view>

namespace ftc::cli {

/// Asked before the work that makes the result. `inputs`: files that are read, and directories
/// of models, whose own files (config.json, weights, tokenizer, a run's state) are not written
/// over either. Fails with "--FLAG: …"; exit code 2 where it is an input. Paths that do not
/// exist are fine.
rt::Status checkOutputFlag(std::string_view flag, const std::string &path,
                           std::span<const std::string> inputs);

} // namespace ftc::cli
