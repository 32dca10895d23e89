// One pull: lock, ask, fetch, check, commit.
#include "catalog/Pull.h"

#include "catalog/Catalog.h"
#include "catalog/HubCache.h"
#include "catalog/PullProgress.h"
#include "runtime/io/SafeTensors.h"
#include "runtime/support/File.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"
#include "runtime/tokenizers/Tokenizer.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <set>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <utility>

namespace ftc::catalog {

constexpr const char *kIndex = "model.safetensors.index.json";

rt::Result<std::vector<std::string>> neededFiles(const std::string &repo,
                                                 const std::vector<std::string> &files) {
  std::set<std::string> there(files.begin(), files.end());
  std::vector<std::string> needed;
  auto take = [&](std::string_view name) {
    if (there.contains(std::string(name)))
      needed.emplace_back(name);
  };
  bool adapter = !there.contains("config.json") && there.contains("adapter_config.json");
  take(adapter ? "adapter_config.json" : "config.json");
  take("generation_config.json");
  for (std::string_view name : rt::tokenizerFileNames())
    take(name);
  std::vector<std::string> gguf;
  for (const std::string &name : there)
    if (name.ends_with(".gguf") && rt::isBareFileName(name))
      gguf.push_back(name);
  if (adapter && there.contains("adapter_model.safetensors"))
    take("adapter_model.safetensors");
  else if (there.contains("config.json") && there.contains("model.safetensors"))
    take("model.safetensors");
  else if (there.contains("config.json") && there.contains(kIndex))
    take(kIndex);
  else if (gguf.size() == 1)
    take(gguf.front());
  else if (gguf.size() > 1)
    return rt::Status::error(repo + ": expected one model, found " +
                             std::to_string(gguf.size()) + " GGUF files (" +
                             rt::quoteList(gguf, 3) + ")");
  else if (there.contains("pytorch_model.bin") ||
           there.contains("pytorch_model.bin.index.json"))
    return rt::Status::error(
        repo +
        ": has its weights in pytorch_model.bin alone, expected model.safetensors: pickles "
        "are not read; where its page has a conversion as a pull request N, take "
        "--revision refs/pr/N");
  else
    return rt::Status::error(repo + ": expected config.json and model.safetensors, found " +
                             rt::quoteList(files, 4));
  return needed;
}

namespace {

/// Some network file systems have no locks: a pull goes on without, as ftrt run does.
void tellNoLocks(const std::string &path, int reason) {
  static bool told = false;
  if (!std::exchange(told, true))
    std::fprintf(
        stderr,
        "no locks here (%s): '%s' is not held; take care that no other pull of it runs\n",
        std::strerror(reason), path.c_str());
}

/// Held by one process at a time, as huggingface_hub's: flock on a file, which goes with it.
class Lock {
public:
  static rt::Result<Lock> take(const std::string &path, const std::string &what) {
    while (true) {
      rt::FileDescriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
      if (fd.get() < 0)
        return rt::ioError("open", path, errno);
      if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
          return rt::Status::error(what +
                                   ": another download of it is running: wait for that "
                                   "one, or end it (it holds " +
                                   path + ")");
        if (errno != ENOLCK && errno != ENOSYS && errno != EOPNOTSUPP)
          return rt::ioError("lock", path, errno);
        tellNoLocks(path, errno);
        return Lock(std::move(fd), path);
      }
      struct stat held, named;
      // One that was removed before it was ours locks nothing.
      if (::fstat(fd.get(), &held) == 0 && ::stat(path.c_str(), &named) == 0 &&
          held.st_ino == named.st_ino && held.st_dev == named.st_dev)
        return Lock(std::move(fd), path);
    }
  }

  Lock(Lock &&other) noexcept : fd(std::move(other.fd)), path(std::move(other.path)) {
    other.path.clear();
  }
  ~Lock() {
    if (!path.empty())
      ::unlink(path.c_str());
  }

private:
  Lock(rt::FileDescriptor fd, std::string path) : fd(std::move(fd)), path(std::move(path)) {}
  rt::FileDescriptor fd;
  std::string path;
};

/// An incomplete file that nothing was written to for so long is taken for abandoned.
constexpr std::int64_t kAbandonedSeconds = 24 * 3600;

class Puller {
public:
  Puller(const PullOptions &options, Hub hub)
      : options(options), hub(std::move(hub)),
        folder(rt::joinPath(options.cache, repoFolder(options.repo))),
        blobs(rt::joinPath(folder, "blobs")),
        locks(rt::joinPath(rt::joinPath(options.cache, ".locks"), repoFolder(options.repo))) {}

  rt::Result<PullResult> run() {
    std::set<std::string> maybeEmpty{locks, rt::parentDirectory(locks)};
    for (std::string path : {blobs, locks})
      for (; rt::pathKind(path) == rt::PathKind::Missing; path = rt::parentDirectory(path))
        maybeEmpty.insert(path);
    rt::Result<PullResult> pulled = runLocked();
    for (auto path = maybeEmpty.rbegin(); held && path != maybeEmpty.rend(); ++path)
      ::rmdir(path->c_str()); // not those that something came into
    return pulled;
  }

private:
  rt::Result<PullResult> runLocked() {
    FTC_RETURN_IF_ERROR(rt::makeDirectories(blobs));
    FTC_RETURN_IF_ERROR(rt::makeDirectories(locks));
    FTC_ASSIGN_OR_RETURN(Lock lock,
                         Lock::take(rt::joinPath(locks, "ftc-pull.lock"), options.repo));
    held = true;
    rt::Status done = fetchAll();
    if (!done) {
      FTC_RETURN_IF_ERROR(rt::removeTree(rt::joinPath(folder, "ftc-pull.tmp")));
      for (const std::string &empty : {blobs, folder})
        ::rmdir(empty.c_str());
      return done;
    }
    removeAbandoned();
    return result;
  }

  rt::Status fetchAll() {
    FTC_ASSIGN_OR_RETURN(HubRevision revision, hub.revision(options.repo, options.revision));
    result.commit = revision.commit;
    FTC_ASSIGN_OR_RETURN(std::vector<std::string> needed,
                         neededFiles(options.repo, revision.files));
    FTC_RETURN_IF_ERROR(describe(needed));
    if (std::find(needed.begin(), needed.end(), kIndex) != needed.end())
      FTC_RETURN_IF_ERROR(addShards(revision.files));
    FTC_RETURN_IF_ERROR(checkRoom());
    for (const HubFile &file : files)
      FTC_RETURN_IF_ERROR(fetch(file));
    return commit();
  }

  /// Incomplete files of contents that this revision does not have, where nobody is at them.
  void removeAbandoned() const {
    rt::Result<std::vector<std::string>> names = rt::listDirectory(blobs);
    constexpr std::string_view suffix = ".incomplete";
    for (const std::string &name : names ? *names : std::vector<std::string>()) {
      std::string path = rt::joinPath(blobs, name);
      struct stat info;
      if (!name.ends_with(suffix) || ::stat(path.c_str(), &info) != 0 ||
          std::time(nullptr) - info.st_mtime < kAbandonedSeconds)
        continue;
      std::string hash = name.substr(0, name.size() - suffix.size());
      if (!Lock::take(rt::joinPath(locks, hash + ".lock"), hash) || !rt::removeFile(path))
        continue;
      std::fprintf(stderr, "removed %s of a file that a pull left and this revision has not\n",
                   rt::mebibytes(info.st_size).c_str());
    }
  }

  rt::Status describe(const std::vector<std::string> &names) {
    for (const std::string &name : names) {
      FTC_ASSIGN_OR_RETURN(HubFile file, hub.describe(options.repo, result.commit, name));
      files.push_back(std::move(file));
    }
    return {};
  }

  /// The shards that the index names, each of which the revision must have.
  rt::Status addShards(const std::vector<std::string> &there) {
    const HubFile index = *std::find_if(
        files.begin(), files.end(), [](const HubFile &file) { return file.name == kIndex; });
    FTC_RETURN_IF_ERROR(fetch(index));
    std::string source = options.repo + "/" + kIndex;
    FTC_ASSIGN_OR_RETURN(std::string text,
                         rt::readFile(blobOf(index), std::uint64_t(64) << 20));
    FTC_ASSIGN_OR_RETURN(auto map, rt::parseSafeTensorsIndex(text, source));
    std::set<std::string> shards;
    for (const auto &[tensor, shard] : map)
      shards.insert(shard);
    for (const std::string &shard : shards)
      if (std::find(there.begin(), there.end(), shard) == there.end())
        return rt::Status::error(source + ": names the shard " + rt::quote(shard) +
                                 ", which the hub does not have");
    return describe(std::vector<std::string>(shards.begin(), shards.end()));
  }

  std::string blobOf(const HubFile &file) const { return rt::joinPath(blobs, file.hash); }

  /// Whether the content is there already: a blob gets its name when it was checked.
  bool isPresent(const HubFile &file) const {
    rt::Result<rt::File> blob = rt::File::open(blobOf(file));
    return blob && (file.size < 0 || blob->size() == static_cast<std::uint64_t>(file.size));
  }

  /// A disk that cannot hold what is to come is said before anything comes.
  rt::Status checkRoom() const {
    std::int64_t missing = 0;
    for (const HubFile &file : files) {
      struct stat info;
      std::string partial = blobOf(file) + ".incomplete";
      std::int64_t came = ::stat(partial.c_str(), &info) == 0 ? info.st_size : 0;
      if (!isPresent(file) && file.size > came)
        missing += file.size - came;
    }
    struct statvfs space;
    if (::statvfs(blobs.c_str(), &space) != 0)
      return rt::ioError("look at", blobs, errno);
    std::uint64_t free = std::uint64_t(space.f_bavail) * space.f_frsize;
    if (static_cast<std::uint64_t>(missing) <= free)
      return {};
    return rt::Status::error(blobs + ": " + rt::describeBytes(missing) +
                             " are to come, and the "
                             "disk has " +
                             rt::describeBytes(free) + " free");
  }

  rt::Status fetch(const HubFile &file) {
    if (isPresent(file)) {
      ++result.present;
      return {};
    }
    FTC_ASSIGN_OR_RETURN(Lock lock, Lock::take(rt::joinPath(locks, file.hash + ".lock"),
                                               options.repo + "/" + file.name));
    std::string partial = blobOf(file) + ".incomplete";
    PullProgress progress(file.name, file.size);
    rt::Status came = hub.download(options.repo, result.commit, file, partial,
                                   [&](std::int64_t bytes) { progress.show(bytes); });
    struct stat info;
    if (!came && ::lstat(partial.c_str(), &info) == 0 && info.st_size == 0)
      ::unlink(partial.c_str());
    FTC_RETURN_IF_ERROR(std::move(came));
    FTC_RETURN_IF_ERROR(rt::renamePath(partial, blobOf(file)));
    FTC_RETURN_IF_ERROR(rt::syncDirectory(blobs));
    progress.done();
    ++result.fetched;
    result.bytes += progress.came();
    return {};
  }

  rt::Status link(const std::string &directory, const HubFile &file) const {
    std::string path = rt::joinPath(directory, file.name);
    std::string target = "../../blobs/" + file.hash;
    if (::symlink(target.c_str(), path.c_str()) != 0)
      return rt::ioError("make the link", path, errno);
    return {};
  }

  /// The snapshot of this commit: renamed into place whole; links that one made before lacks
  /// are added, those to other contents replaced.
  rt::Status commit() {
    std::string snapshots = rt::joinPath(folder, "snapshots");
    result.snapshot = rt::joinPath(snapshots, result.commit);
    FTC_RETURN_IF_ERROR(rt::makeDirectories(snapshots));
    std::string fresh = rt::joinPath(folder, "ftc-pull.tmp");
    FTC_RETURN_IF_ERROR(rt::removeTree(fresh));
    FTC_RETURN_IF_ERROR(rt::makeDirectory(fresh));
    for (const HubFile &file : files)
      FTC_RETURN_IF_ERROR(link(fresh, file));
    FTC_RETURN_IF_ERROR(rt::syncDirectory(fresh));
    if (rt::pathKind(result.snapshot) == rt::PathKind::Missing) {
      FTC_RETURN_IF_ERROR(rt::renamePath(fresh, result.snapshot));
    } else {
      for (const HubFile &file : files)
        if (std::string path = rt::joinPath(result.snapshot, file.name);
            !rt::isSameFile(path, blobOf(file)))
          FTC_RETURN_IF_ERROR(rt::renamePath(rt::joinPath(fresh, file.name), path));
      FTC_RETURN_IF_ERROR(rt::removeTree(fresh));
      FTC_RETURN_IF_ERROR(rt::syncDirectory(result.snapshot));
    }
    FTC_RETURN_IF_ERROR(rt::syncDirectory(snapshots));
    if (options.revision == result.commit)
      return {};
    std::string reference = rt::joinPath(rt::joinPath(folder, "refs"), options.revision);
    FTC_RETURN_IF_ERROR(rt::makeDirectories(rt::parentDirectory(reference)));
    return rt::writeFileAtomic(reference, result.commit);
  }

  const PullOptions &options;
  Hub hub;
  std::string folder, blobs, locks;
  bool held = false; ///< the lock was ours
  std::vector<HubFile> files;
  PullResult result;
};

/// A revision becomes a path under refs/.
bool isRevision(const std::string &text) {
  if (text.empty() || text.size() > 200)
    return false;
  for (std::size_t begin = 0; begin <= text.size();) {
    std::size_t end = std::min(text.find('/', begin), text.size());
    std::string part = text.substr(begin, end - begin);
    if (!rt::isBareFileName(part) ||
        std::any_of(part.begin(), part.end(), [](unsigned char c) { return c <= ' '; }))
      return false;
    begin = end + 1;
  }
  return true;
}

} // namespace

rt::Result<PullResult> pull(const PullOptions &options) {
  if (!isRepoId(options.repo))
    return rt::Status::usage(
        "MODEL: expected a name of the catalog or OWNER/NAME on the hub, got " +
        rt::quote(options.repo));
  if (!isRevision(options.revision))
    return rt::Status::usage("--revision: expected a branch, a tag or a commit, got " +
                             rt::quote(options.revision));
  FTC_ASSIGN_OR_RETURN(Hub hub,
                       Hub::open(options.endpoint, options.token, options.persistence));
  return Puller(options, std::move(hub)).run();
}

} // namespace ftc::catalog
