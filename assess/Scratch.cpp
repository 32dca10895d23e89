// A lock goes with its process, however that ends.
#include "assess/Scratch.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ftc::assess {

namespace {

/// Not "ftc-assess-", the prefix of versions that wrote no marker.
constexpr std::string_view kPrefix = "ftc-trials-", kDrawn = "XXXXXX";
/// What only a directory that was locked here has in it.
constexpr const char *kMarker = ".ftc-assess-trials";

/// Whether mkdtemp may have made this name of our prefix.
bool isNameOfOurs(std::string_view name) {
  return name.size() == kPrefix.size() + kDrawn.size() && name.starts_with(kPrefix) &&
         std::all_of(name.begin() + kPrefix.size(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0; });
}

int openDirectory(const std::string &path) {
  return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

bool lockDirectory(int directory, int how) {
  int result = 0;
  do
    result = ::flock(directory, how);
  while (result != 0 && errno == EINTR);
  return result == 0;
}

bool isMarked(int directory) {
  struct stat info{};
  return ::fstatat(directory, kMarker, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISREG(info.st_mode) && info.st_uid == ::geteuid();
}

bool mark(int directory) {
  int file = ::openat(directory, kMarker, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  return file >= 0 && ::close(file) == 0;
}

/// Removes this user's directories that carry our mark and that no process holds. What cannot
/// be looked at or locked is somebody else's, or goes at another time.
void removeAbandoned(const std::string &parent) {
  rt::Result<std::vector<std::string>> names = rt::listDirectory(parent);
  if (!names)
    return;
  for (const std::string &name : *names) {
    if (!isNameOfOurs(name))
      continue;
    std::string path = rt::joinPath(parent, name);
    int held = openDirectory(path);
    if (held < 0)
      continue;
    struct stat info{};
    if (::fstat(held, &info) == 0 && info.st_uid == ::geteuid() && isMarked(held) &&
        lockDirectory(held, LOCK_EX | LOCK_NB))
      (void)rt::removeTree(path);
    ::close(held);
  }
}

} // namespace

rt::Result<std::unique_ptr<Scratch>> Scratch::make() {
  const char *given = std::getenv("TMPDIR");
  std::string parent = given && *given ? given : "/tmp";
  removeAbandoned(parent);
  std::string path = rt::joinPath(parent, std::string(kPrefix) + std::string(kDrawn));
  rt::Status failed =
      rt::Status::io(path + ": a directory for trial artifacts cannot be made; set TMPDIR to "
                            "one that can be written to");
  if (!::mkdtemp(path.data()))
    return failed;
  // Marked once it is locked: no other assessment takes it for abandoned between. Where there
  // are no locks (ENOLCK or EBADF of network file systems) it stays without a mark, and so
  // nobody but this process ever removes it.
  int directory = openDirectory(path);
  if (directory >= 0 && (!lockDirectory(directory, LOCK_EX) || mark(directory)))
    return std::unique_ptr<Scratch>(new Scratch(path, directory));
  if (directory >= 0)
    ::close(directory);
  ::rmdir(path.c_str());
  return failed;
}

Scratch::~Scratch() {
  if (rt::Status gone = rt::removeTree(directory); !gone)
    std::fprintf(stderr, "%s\n", gone.message().c_str());
  ::close(held);
}

} // namespace ftc::assess
