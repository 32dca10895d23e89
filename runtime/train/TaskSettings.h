// TaskSettings: what a run was told of its task and a model needs as long as it lives: the
// prefix of every source, and the languages. They lie beside the weights.
#pragma once

#include "runtime/train/Session.h"

namespace ftc::rt {

inline constexpr const char *kTaskSettings = "task_settings.json";

/// The text of task_settings.json: source_prefix, source_lang and target_lang as they are in
/// force. Tasks with target texts alone have it.
std::string taskSettingsText(const Session &session);

/// Takes what `directory` (a run's output, or one of its checkpoints) has of these where no
/// flag was given: languages only both together. No such file: nothing, and no error.
Status readTaskSettings(const std::string &directory, ColumnFlags &columns,
                        std::optional<std::string> &sourcePrefix);

} // namespace ftc::rt
