// The commands of ftc: one function a command, each in a file of its own.
#pragma once

#include "runtime/support/Status.h"

#include <span>
#include <string>

namespace ftc::cli {

rt::Status catalogCommand(std::span<const std::string> arguments);
rt::Status compileCommand(std::span<const std::string> arguments);
rt::Status inspectCommand(std::span<const std::string> arguments);

} // namespace ftc::cli
