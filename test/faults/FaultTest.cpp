// Every call of a save, load, export and rotation failed, cut short or killed, one at a time:
// what stands before stands after, and the message says where.
#include "test/TemporaryDirectory.h"
#include "test/faults/SmallState.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <map>
#include <sys/wait.h>
#include <unistd.h>

using namespace ftc::rt;
using ftc::test::TemporaryDirectory;

namespace {

struct Outcome {
  bool killed = false;
  int exitCode = -1;
  std::string stderrText;
};

struct Fault {
  const char *mode = "";
  bool sticky = false;
  long at = 0;
};

/// Runs the subject under the shim. `scratch` takes its stderr and log, outside `dir`.
Outcome run(const std::string &what, const std::string &dir, std::int64_t step,
            const Fault &fault, const std::string &scratch, const std::string &log = "") {
  std::string errors = scratch + "/stderr";
  pid_t child = ::fork();
  if (child == 0) {
    if (!std::freopen(errors.c_str(), "w", stderr))
      ::_exit(99);
    ::setenv("LD_PRELOAD", FTC_SHIM, 1);
    ::setenv("FTC_FAULT_UNDER", dir.c_str(), 1);
    ::setenv("FTC_FAULT_AT", std::to_string(fault.at).c_str(), 1);
    ::setenv("FTC_FAULT_MODE", fault.mode, 1);
    if (fault.sticky)
      ::setenv("FTC_FAULT_STICKY", "1", 1);
    if (!log.empty())
      ::setenv("FTC_FAULT_LOG", log.c_str(), 1);
    // A leak check would run after the kill decides; address errors still end the process.
    ::setenv("ASAN_OPTIONS", "detect_leaks=0:verify_asan_link_order=0", 1);
    ::execl(FTC_SUBJECT, "faults-subject", what.c_str(), dir.c_str(),
            std::to_string(step).c_str(), static_cast<char *>(nullptr));
    ::_exit(98);
  }
  Outcome outcome;
  int status = 0;
  ::waitpid(child, &status, 0);
  outcome.killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  outcome.exitCode = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (auto text = readFile(errors, 1 << 20))
    outcome.stderrText = *text;
  return outcome;
}

struct Call {
  std::string name, path, second;
};

std::vector<Call> readLog(const std::string &path) {
  std::vector<Call> calls;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::vector<std::string> fields;
    std::size_t begin = 0;
    for (std::size_t tab; (tab = line.find('\t', begin)) != line.npos; begin = tab + 1)
      fields.push_back(line.substr(begin, tab - begin));
    fields.push_back(line.substr(begin));
    EXPECT_EQ(fields.size(), 4u) << line;
    calls.push_back({fields[1], fields[2], fields[3]});
  }
  return calls;
}

/// All modes at every call that `what` makes in a directory that `prepare` filled.
template <typename Prepare, typename Check>
void sweep(const std::string &what, std::int64_t step, Prepare prepare, Check check) {
  TemporaryDirectory scratch;
  std::vector<Call> calls;
  {
    TemporaryDirectory dir;
    prepare(dir.path());
    Outcome clean = run(what, dir.path(), step, {}, scratch.path(), scratch.file("log"));
    ASSERT_EQ(clean.exitCode, 0) << clean.stderrText;
    calls = readLog(scratch.file("log"));
  }
  ASSERT_GT(calls.size(), 3u) << "the shim saw no calls";
  const Fault faults[] = {{"EIO", false},   {"EIO", true},    {"ENOSPC", false},
                          {"ENOSPC", true}, {"EINTR", false}, {"SHORT", false},
                          {"SHORT", true},  {"KILL", false},  {"KILLED", false}};
  for (Fault fault : faults)
    for (fault.at = 1; fault.at <= static_cast<long>(calls.size()); ++fault.at) {
      TemporaryDirectory dir;
      prepare(dir.path());
      const Call &call = calls[fault.at - 1];
      SCOPED_TRACE(what + " " + fault.mode + (fault.sticky ? " from " : " at ") +
                   std::to_string(fault.at) + ": " + call.name + " " + call.path);
      Outcome outcome = run(what, dir.path(), step, fault, scratch.path());
      std::string mode = fault.mode;
      SCOPED_TRACE(outcome.stderrText);
      ASSERT_EQ(outcome.killed, mode == "KILL" || mode == "KILLED");
      if (!outcome.killed)
        ASSERT_TRUE(outcome.exitCode == 0 || outcome.exitCode == 1) << outcome.exitCode;
      if (mode == "SHORT" || mode == "EINTR")
        ASSERT_EQ(outcome.exitCode, 0);
      if (outcome.exitCode == 1) {
        ASSERT_EQ(outcome.stderrText.find('\n'), outcome.stderrText.size() - 1);
        ASSERT_LE(outcome.stderrText.size(), 500u);
        ASSERT_NE(outcome.stderrText.find(dir.path()), std::string::npos);
        if (mode == "ENOSPC" && call.name == "write")
          ASSERT_NE(outcome.stderrText.find("more are needed"), std::string::npos);
      }
      check(dir.path(), fault, call, outcome);
      if (testing::Test::HasFatalFailure())
        return;
    }
}

void saveTwo(const std::string &dir) {
  ASSERT_TRUE(ftc::test::saveState(dir, 1));
  ASSERT_TRUE(ftc::test::saveState(dir, 2));
}

} // namespace

TEST(Faults, SaveKeepsThePreviousCheckpoint) {
  auto prepare = [](const std::string &dir) { ASSERT_TRUE(ftc::test::saveState(dir, 1)); };
  sweep("save", 2, prepare,
        [](const std::string &dir, const Fault &fault, const Call &, const Outcome &outcome) {
          ASSERT_TRUE(verifyCheckpoint(checkpointPath(dir, 1)));
          auto newest = findNewestCheckpoint(dir);
          ASSERT_TRUE(newest && newest->step);
          ASSERT_TRUE(newest->warnings.empty()) << "half-written and visible";
          if (outcome.exitCode == 0)
            ASSERT_EQ(newest->step, 2);
          // After a failed fsync of the parent even the way back may be barred.
          if (outcome.exitCode == 1 && !fault.sticky) {
            ASSERT_EQ(newest->step, 1);
            ASSERT_EQ(*listDirectory(dir), std::vector<std::string>{"checkpoint-1"});
          }
          Status loaded = ftc::test::loadState(dir);
          ASSERT_TRUE(loaded) << loaded.message();
          auto names = listDirectory(dir);
          ASSERT_TRUE(names);
          for (const std::string &name : *names)
            ASSERT_TRUE(checkpointStep(name)) << name;
          if (newest->step == 1)
            ASSERT_TRUE(ftc::test::saveState(dir, 2));
        });
}

/// What cannot be read is not damaged: no older checkpoint is loaded in its stead.
TEST(Faults, LoadFailsWithItsPath) {
  sweep("load", 0, saveTwo,
        [](const std::string &dir, const Fault &fault, const Call &call,
           const Outcome &outcome) {
          if (std::string(fault.mode) == "EIO" && (call.name == "open" || call.name == "pread")) {
            ASSERT_EQ(outcome.exitCode, 1);
            ASSERT_NE(outcome.stderrText.find("Input/output error"), std::string::npos);
          }
          ASSERT_EQ(findNewestCheckpoint(dir)->step, 2);
          ASSERT_TRUE(verifyCheckpoint(checkpointPath(dir, 1)));
        });
}

TEST(Faults, RotationLeavesWholeCheckpoints) {
  sweep("rotate", 0, saveTwo,
        [](const std::string &dir, const Fault &, const Call &, const Outcome &outcome) {
          auto newest = findNewestCheckpoint(dir);
          ASSERT_EQ(newest->step, 2);
          ASSERT_TRUE(removeHalfWritten(dir));
          std::vector<std::int64_t> steps = *checkpointSteps(dir);
          for (std::int64_t step : steps)
            ASSERT_TRUE(verifyCheckpoint(checkpointPath(dir, step)));
          if (outcome.exitCode == 0)
            ASSERT_EQ(steps, std::vector<std::int64_t>{2});
        });
}

TEST(Faults, ExportReplacesEachFileAtOnce) {
  auto prepare = [](const std::string &dir) { ASSERT_TRUE(ftc::test::exportState(dir, 1)); };
  TemporaryDirectory other;
  ASSERT_TRUE(ftc::test::exportState(other.path(), 2));
  std::string second = *readFile(other.file("model.safetensors"), 1 << 20);
  sweep("export", 2, prepare,
        [&](const std::string &dir, const Fault &, const Call &, const Outcome &outcome) {
          std::string config = *readFile(joinPath(dir, "config.json"), 100);
          std::string weights = *readFile(joinPath(dir, "model.safetensors"), 1 << 20);
          ASSERT_TRUE(config == "1" || config == "2");
          ASSERT_TRUE(Checkpoint::open(dir));
          if (outcome.exitCode == 0) {
            ASSERT_EQ(config, "2");
            ASSERT_EQ(weights, second);
          }
          ASSERT_TRUE(removeHalfWritten(dir));
          ASSERT_EQ(listDirectory(dir)->size(), 2u);
        });
}

namespace {

/// A disk after a power loss, told from a log: data that was not fsynced is cut to half, names
/// whose directory was not fsynced are missing, renames are kept or lost as a whole.
class Disk {
public:
  void apply(const Call &call) {
    if (call.name == "mkdir")
      entries[call.path].directory = true;
    else if (call.name == "open" && (std::stol(call.second) & O_CREAT))
      entries[call.path] = {};
    else if (call.name == "write")
      entries[call.path].dirty = true;
    else if (call.name == "unlink" || call.name == "rmdir")
      entries.erase(call.path);
    else if (call.name == "rename")
      move(call.path, call.second);
    else if (call.name == "fsync")
      sync(call.path);
  }

  /// Builds what is left in `dir`; `content` maps a path to what was to be written there.
  template <typename Content>
  void materialize(const std::string &from, const std::string &dir, bool renames,
                   Content content) const {
    for (const auto &[path, entry] : entries) {
      std::string name = !renames && !entry.renamedFrom.empty() && !entry.renameSynced
                             ? entry.renamedFrom
                             : path;
      bool inside = parentDirectory(path) != from;
      if (!entry.linked && (inside || !entry.directory))
        continue;
      std::string target = dir + name.substr(from.size());
      if (entry.directory) {
        ASSERT_TRUE(makeDirectories(target));
        continue;
      }
      if (!isDirectory(parentDirectory(target)))
        continue;
      std::string bytes = content(path);
      if (entry.dirty)
        bytes.resize(bytes.size() / 2);
      std::ofstream(target, std::ios::binary) << bytes;
    }
  }

private:
  struct Entry {
    bool directory = false, dirty = false, linked = false;
    std::string renamedFrom;
    bool renameSynced = false;
  };
  std::map<std::string, Entry> entries;

  void move(const std::string &from, const std::string &to) {
    std::map<std::string, Entry> moved;
    for (auto &[path, entry] : entries) {
      bool in = path == from || path.starts_with(from + "/");
      if (in)
        entry.renamedFrom = path;
      moved[in ? to + path.substr(from.size()) : path] = entry;
    }
    entries = std::move(moved);
  }
  void sync(const std::string &path) {
    if (auto at = entries.find(path); at != entries.end() && !at->second.directory)
      at->second.dirty = false;
    for (auto &[name, entry] : entries) {
      if (parentDirectory(name) == path)
        entry.linked = true;
      // The parent's fsync makes the rename of a directory under it durable, with its content.
      if (name.starts_with(path + "/"))
        entry.renameSynced = !entry.renamedFrom.empty();
    }
  }
};

} // namespace

TEST(Faults, PowerLossAtEveryCallLeavesAWholeCheckpoint) {
  TemporaryDirectory dir, scratch;
  ASSERT_TRUE(ftc::test::saveState(dir.path(), 1));
  Outcome clean = run("save", dir.path(), 2, {}, scratch.path(), scratch.file("log"));
  ASSERT_EQ(clean.exitCode, 0) << clean.stderrText;
  std::vector<Call> calls = readLog(scratch.file("log"));
  auto content = [&](const std::string &path) {
    std::string final = path;
    if (std::size_t at = final.find("checkpoint-2.tmp"); at != final.npos)
      final.replace(at, 16, "checkpoint-2");
    return *readFile(final, 1 << 20);
  };
  for (std::size_t cut = 0; cut <= calls.size(); ++cut)
    for (bool renames : {true, false}) {
      SCOPED_TRACE("power lost after " + std::to_string(cut) + " calls");
      Disk disk;
      for (std::size_t i = 0; i < cut; ++i)
        disk.apply(calls[i]);
      TemporaryDirectory after;
      ASSERT_TRUE(ftc::test::saveState(after.path(), 1));
      disk.materialize(dir.path(), after.path(), renames, content);
      auto newest = findNewestCheckpoint(after.path());
      ASSERT_TRUE(newest && newest->step);
      ASSERT_TRUE(newest->warnings.empty()) << newest->warnings[0];
      if (cut == calls.size())
        ASSERT_EQ(newest->step, 2) << "a commit that returned was lost";
      Status loaded = ftc::test::loadState(after.path());
      ASSERT_TRUE(loaded) << loaded.message();
    }
}
