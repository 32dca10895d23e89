// Only names that ftrt itself writes are ever removed.
#include "runtime/train/OutputDirectory.h"

#include "runtime/checkpoint/Checkpoints.h"
#include "runtime/support/File.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>

namespace ftc::rt {

namespace {

constexpr std::array<std::string_view, 14> kResults = {
    "trainer_state.json", "train_results.json", "eval_results.json",
    "predict_results.json", "all_results.json", "report.html",
    "predictions.txt",    "generated_predictions.txt",
    "eval_predictions.json",    "eval_nbest_predictions.json",    "eval_null_odds.json",
    "predict_predictions.json", "predict_nbest_predictions.json", "predict_null_odds.json"};

/// "checkpoint-12", "checkpoint-12.tmp".
bool isCheckpointName(std::string_view name) {
  constexpr std::string_view prefix = "checkpoint-";
  if (!name.starts_with(prefix))
    return false;
  name.remove_prefix(prefix.size());
  if (name.ends_with(".tmp"))
    name.remove_suffix(4);
  return !name.empty() &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c); });
}

} // namespace

/// Made and removed again to see whether files can be.
static constexpr const char *kWriteTest = ".ftrt-write-test";

/// Names what lies in the directory and what could be done, unless it is empty but for what a
/// killed run had not finished, which goes when a run begins.
static Status refuseUnlessEmpty(const std::string &directory) {
  FTC_ASSIGN_OR_RETURN(std::vector<std::string> names, listDirectory(directory));
  std::erase_if(names, [&](const std::string &name) {
    return name == kWriteTest || isHalfWritten(directory, name);
  });
  if (names.empty())
    return Status::ok();
  return Status::error("--output_dir " + quote(directory) + ": not empty (" +
                       quoteList(names, 3) +
                       "); give another one, --overwrite_output_dir, or "
                       "--resume_from_checkpoint true to go on with the run in it");
}

Status checkOutputDirectory(const TrainSettings &settings) {
  const std::string &directory = settings.outputDir;
  PathKind kind = pathKind(directory);
  if (kind == PathKind::Missing)
    return Status::ok();
  if (kind != PathKind::Directory)
    return Status::error("--output_dir " + quote(directory) +
                         ": expected a directory, got a file");
  if (!settings.resumeFromCheckpoint.empty() || settings.overwriteOutputDir)
    return Status::ok();
  return refuseUnlessEmpty(directory);
}

/// The lock is the system's and on the directory itself: nothing of it outlives the process.
Result<FileDescriptor> lockOutputDirectory(const std::string &directory) {
  if (pathKind(directory) == PathKind::Missing)
    return FileDescriptor();
  FileDescriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0)
    return ioError("open", directory, errno).withContext("--output_dir");
  // File systems without locks are taken as they are.
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    return Status::error("--output_dir " + quote(directory) +
                         ": another ftrt run is writing to it: wait for that one, end it, or "
                         "give another directory");
  return fd;
}

Status prepareOutputDirectory(const TrainSettings &settings, FileDescriptor &lock) {
  const std::string &directory = settings.outputDir;
  FTC_RETURN_IF_ERROR(makeDirectories(directory).withContext("--output_dir"));
  if (lock.get() < 0) {
    FTC_ASSIGN_OR_RETURN(lock, lockOutputDirectory(directory));
    // It was not there before: what is in it now, even to resume from, another run just wrote.
    if (!settings.overwriteOutputDir)
      FTC_RETURN_IF_ERROR(refuseUnlessEmpty(directory));
  }
  FTC_RETURN_IF_ERROR(checkOutputDirectory(settings)); // another run may have ended just now
  if (settings.overwriteOutputDir && settings.resumeFromCheckpoint.empty()) {
    FTC_ASSIGN_OR_RETURN(std::vector<std::string> names, listDirectory(directory));
    for (const std::string &name : names) {
      if (isCheckpointName(name))
        FTC_RETURN_IF_ERROR(removeTree(joinPath(directory, name)));
      else if (std::find(kResults.begin(), kResults.end(), name) != kResults.end())
        FTC_RETURN_IF_ERROR(removeFile(joinPath(directory, name)));
    }
  }
  // A directory may exist and still be read-only: find out before hours of training.
  std::string probe = joinPath(directory, kWriteTest);
  if (Status status = writeFileAtomic(probe, "x"); !status)
    return std::move(status).withContext("--output_dir");
  return removeFile(probe);
}

} // namespace ftc::rt
