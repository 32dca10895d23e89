// A lock goes with its process, however that ends.
#include "assess/Scratch.h"

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ftc::assess {

namespace {

constexpr const char *kPrefix = "ftc-assess-";

int openDirectory(const std::string &path) {
  return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/// Removes this user's directories that no process holds. What cannot be looked at or removed
/// is somebody else's, or goes at another time.
void removeAbandoned(const std::string &parent) {
  rt::Result<std::vector<std::string>> names = rt::listDirectory(parent);
  if (!names)
    return;
  for (const std::string &name : *names) {
    if (!name.starts_with(kPrefix))
      continue;
    std::string path = rt::joinPath(parent, name);
    int held = openDirectory(path);
    if (held < 0)
      continue;
    struct stat info{};
    if (::fstat(held, &info) == 0 && info.st_uid == ::geteuid() &&
        ::flock(held, LOCK_EX | LOCK_NB) == 0)
      (void)rt::removeTree(path);
    ::close(held);
  }
}

} // namespace

rt::Result<std::unique_ptr<Scratch>> Scratch::make() {
  const char *given = std::getenv("TMPDIR");
  std::string parent = given && *given ? given : "/tmp";
  removeAbandoned(parent);
  // Another assessment may take a directory for abandoned that is not locked yet: then again.
  for (int attempt = 0; attempt < 10; ++attempt) {
    std::string path = rt::joinPath(parent, std::string(kPrefix) + "XXXXXX");
    if (!::mkdtemp(path.data()))
      break;
    int lock = openDirectory(path);
    if (lock < 0)
      continue;
    struct stat info{};
    if (::flock(lock, LOCK_EX) == 0 && ::stat(path.c_str(), &info) == 0)
      return std::unique_ptr<Scratch>(new Scratch(path, lock));
    ::close(lock);
  }
  return rt::Status::io(rt::joinPath(parent, std::string(kPrefix) + "XXXXXX") +
                        ": a directory for trial artifacts cannot be made; set TMPDIR to one "
                        "that can be written to");
}

Scratch::~Scratch() {
  if (rt::Status gone = rt::removeTree(directory); !gone)
    std::fprintf(stderr, "%s\n", gone.message().c_str());
  ::close(lock);
}

} // namespace ftc::assess
