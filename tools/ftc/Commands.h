// The commands of ftc: one function a command, each in a file of its own.
#pragma once

#include "runtime/support/Status.h"

#include <span>
#include <string>

namespace ftc::cli {

rt::Status catalogCommand(std::span<const std::string> arguments);
rt::Status compileCommand(std::span<const std::string> arguments);
/// `verdictCode`: the exit code where --exit_code was given and nothing failed; else as it was.
rt::Status assessCommand(std::span<const std::string> arguments, int &verdictCode);
rt::Status inspectCommand(std::span<const std::string> arguments);

} // namespace ftc::cli
