// The tasks there are, one line each.
#include "runtime/support/Text.h"
#include "runtime/tasks/Columns.h"
#include "runtime/tasks/TaskRegistry.h"

namespace ftc::rt {

namespace {

std::span<const Task *const> allTasks() {
  static const Task *const tasks[] = {
      textClassificationTask(),
      tokenClassificationTask(),
      questionAnsweringTask(),
      textGenerationTask(),
      summarizationTask(),
      translationTask(),
  };
  return tasks;
}

} // namespace

std::vector<std::string_view> taskNames() {
  std::vector<std::string_view> names;
  for (const Task *task : allTasks())
    names.push_back(task->name());
  return names;
}

Result<const Task *> findTask(std::string_view name) {
  std::vector<std::string> known;
  for (const Task *task : allTasks()) {
    if (task->name() == name)
      return task;
    known.emplace_back(task->name());
  }
  return Status::usage("--task: expected one of " + listNames(known) + ", got " +
                       quote(name, 60));
}

} // namespace ftc::rt
