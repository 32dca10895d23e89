// Reads --config FILE: a flat mapping of flag names to scalars or lists, in YAML or JSON.
#pragma once

#include "runtime/support/Status.h"

#include <string>
#include <utility>
#include <vector>

namespace ftc::cli {

/// Names with their values as text, in the file's order: one of a scalar, those of a list; nulls
/// are left out. Files ending in .json are JSON, others YAML; at most 1 MiB.
using ConfigEntries = std::vector<std::pair<std::string, std::vector<std::string>>>;
rt::Result<ConfigEntries> readConfigFile(const std::string &path);

} // namespace ftc::cli
