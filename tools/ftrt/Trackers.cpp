// --report_to: of the trackers that transformers knows, event files for TensorBoard are what
// there is; the others belong to services, to which nothing is sent.
#include "tools/ftrt/Commands.h"

#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"

#include <algorithm>

namespace ftc::cli {

namespace {

const std::vector<std::string> kTrackers = {"none",    "all",        "tensorboard", "azure_ml",
                                            "clearml", "codecarbon", "comet_ml",    "dagshub",
                                            "dvclive", "flyte",      "mlflow",      "neptune",
                                            "swanlab", "trackio",    "wandb"};

} // namespace

void TrackerFlags::declare(FlagSet &flags) {
  flags.list("report_to", names, "LIST",
             "none, or tensorboard (so is all): event files that TensorBoard shows");
  flags.text("logging_dir", loggingDir, "DIR", "where event files go");
  flags.shownDefault("--output_dir/runs/--run_name");
  flags.text("run_name", runName, "NAME", "the run's name in TensorBoard");
  flags.shownDefault("the last part of --output_dir");
}

rt::Status TrackerFlags::resolve(rt::TrainSettings &settings, std::string &remark) const {
  std::vector<std::string> others;
  for (const std::string &name : names) {
    if (std::find(kTrackers.begin(), kTrackers.end(), name) == kTrackers.end()) {
      std::string nearest = nearestName(name, kTrackers);
      return rt::Status::usage("--report_to: expected none, tensorboard or all, got " +
                               rt::quote(name, 60) +
                               (nearest.empty() ? "" : "; is " + nearest + " meant?"));
    }
    if (name == "none" && names.size() > 1)
      return rt::Status::usage("--report_to: expected none alone or trackers, got both");
    if (name == "tensorboard" || name == "all")
      settings.tensorBoard = true;
    else if (name != "none")
      others.push_back(name);
  }
  if (settings.tensorBoard && loggingDir.empty() && !runName.empty() &&
      !rt::isBareFileName(runName))
    return rt::Status::usage("--run_name: expected a name that a folder can have, got " +
                             rt::quote(runName, 60) + "; or give --logging_dir");
  settings.loggingDir = loggingDir;
  settings.runName = runName;
  if (!others.empty())
    remark = "--report_to " + rt::quoteList(others) +
             ": nothing is sent anywhere; tensorboard is the tracker that there is";
  else if (!settings.tensorBoard && !(loggingDir.empty() && runName.empty()))
    remark = std::string(loggingDir.empty() ? "--run_name" : "--logging_dir") +
             ": no event files are written; --report_to tensorboard writes them";
  return rt::Status::ok();
}

} // namespace ftc::cli
