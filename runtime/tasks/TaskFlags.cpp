// Flags are refused by the place of a task's labels, which says what its rows are.
#include "runtime/tasks/TaskFlags.h"

namespace ftc::rt {

Status checkTaskFlags(const Task &task, const ColumnFlags &flags, bool labelAllTokens) {
  auto refuse = [&](std::string_view flag, std::string_view owner) {
    return Status::usage(std::string(flag) + ": " + std::string(owner) +
                         " alone has it, this is " + std::string(task.name()));
  };
  bool sentences = task.labelPlacement() == LabelPlacement::Sequence;
  if (!sentences && !flags.sentence1Key.empty())
    return refuse("--sentence1_key", "text-classification");
  if (!sentences && !flags.sentence2Key.empty())
    return refuse("--sentence2_key", "text-classification");
  if (!sentences && !flags.labelDelimiter.empty())
    return refuse("--label_delimiter", "text-classification");
  if (labelAllTokens && task.labelPlacement() != LabelPlacement::Token)
    return refuse("--label_all_tokens", "token-classification");
  return Status::ok();
}

} // namespace ftc::rt
