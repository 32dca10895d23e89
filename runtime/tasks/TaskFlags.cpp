// Flags are refused by the place of a task's labels, which says what its rows are.
#include "runtime/tasks/TaskFlags.h"

#include <utility>

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
  if (!sentences && flags.regression)
    return refuse("--do_regression", "text-classification");
  if (labelAllTokens && task.labelPlacement() != LabelPlacement::Token)
    return refuse("--label_all_tokens", "token-classification");
  bool summarizes = task.name() == "summarization";
  bool targets = task.hasTargetText();
  for (const auto &[flag, value] :
       {std::pair("--text_column", &flags.textColumn),
        std::pair("--summary_column", &flags.summaryColumn)})
    if (!summarizes && !value->empty())
      return refuse(flag, "summarization");
  for (const auto &[flag, value] : {std::pair("--source_lang", &flags.sourceLang),
                                    std::pair("--target_lang", &flags.targetLang)})
    if (!targets && !value->empty())
      return refuse(flag, "translation");
  for (const auto &[flag, value] :
       {std::pair("--text_column_name", &flags.textColumnName),
        std::pair("--label_column_name", &flags.labelColumnName)})
    if (targets && !value->empty())
      return Status::usage(std::string(flag) + ": " + std::string(task.name()) +
                           " has " +
                           (summarizes ? "--text_column and --summary_column"
                                       : "--source_lang and --target_lang") +
                           " instead");
  return Status::ok();
}

std::string describeTask(const Task &task) {
  std::string name(task.name());
  return task.problemType().empty() ? name : name + " (" + std::string(task.problemType()) + ")";
}

} // namespace ftc::rt
