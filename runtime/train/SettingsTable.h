// SettingsTable: the settings of a run as flags and values, for the report.
#pragma once

#include "runtime/train/Settings.h"

#include <utility>
#include <vector>

namespace ftc::rt {

/// "--learning_rate", "5e-05": every setting that is not empty.
std::vector<std::pair<std::string, std::string>> settingsTable(const TrainSettings &settings);

} // namespace ftc::rt
