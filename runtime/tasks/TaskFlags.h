// TaskFlags: which column flags and options a task has.
#pragma once

#include "runtime/tasks/Task.h"

namespace ftc::rt {

/// A usage error for a flag that the task does not have: a pair's columns outside text
/// classification, --label_all_tokens outside token classification, columns of texts and
/// summaries outside summarization, languages outside tasks that write a target.
Status checkTaskFlags(const Task &task, const ColumnFlags &flags, bool labelAllTokens);

/// The task as messages name it, with its problem where it has several:
/// "text-classification (regression)".
std::string describeTask(const Task &task);

} // namespace ftc::rt
