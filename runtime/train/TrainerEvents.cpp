// What a run leaves for TensorBoard, as transformers' TensorBoardCallback does: settings and
// the model's configuration as texts, every entry of log_history as scalars.
#include "runtime/train/Trainer.h"

#include "runtime/support/FileSystem.h"
#include "runtime/train/SettingsTable.h"

namespace ftc::rt {

namespace {

/// TensorBoard shows texts as Markdown, where four spaces keep a line as it is.
std::string asCode(const std::string &text) {
  std::string out = "    ";
  for (char c : text) {
    out += c;
    if (c == '\n')
      out += "    ";
  }
  return out;
}

/// --logging_dir; else a folder of --output_dir/runs that a resumed run finds again. (Hugging
/// Face's has date and host in its name: there a resumed run is another curve.)
std::string eventDirectory(const TrainSettings &settings) {
  if (!settings.loggingDir.empty())
    return settings.loggingDir;
  std::string directory = settings.outputDir;
  while (directory.size() > 1 && directory.ends_with('/'))
    directory.pop_back();
  std::string name = settings.runName.empty() ? baseName(directory) : settings.runName;
  return joinPath(joinPath(settings.outputDir, "runs"), isBareFileName(name) ? name : "run");
}

} // namespace

Status Trainer::openEvents() {
  if (!settings.tensorBoard)
    return Status::ok();
  auto opened = [&]() -> Status {
    // What steps after the checkpoint left of a run that was killed is shown no more.
    FTC_ASSIGN_OR_RETURN(
        events, EventFile::create(eventDirectory(settings), from ? state.step + 1 : 0));
    OrderedJson arguments;
    for (const auto &[name, value] : settingsTable(settings))
      arguments[name.starts_with("--") ? name.substr(2) : name] = value;
    FTC_RETURN_IF_ERROR(events->addText("args", asCode(dumpJson(arguments, 2)), state.step));
    return events->addText("model_config",
                           asCode(std::string(text((*session->artifact)->config_json()))),
                           state.step);
  };
  return opened().withContext("--report_to tensorboard");
}

void Trainer::record(OrderedJson entry) {
  if (events)
    if (Status written = events->addEntry(entry); !written) {
      progress.line(written.message() + "; the rest of the run is not in this event file");
      events.reset();
    }
  state.logHistory.push_back(std::move(entry));
}

} // namespace ftc::rt
