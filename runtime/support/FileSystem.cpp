// Paths and directories through plain POSIX calls, each failure with its path.
#include "runtime/support/FileSystem.h"

#include "runtime/support/File.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

namespace ftc::rt {

std::string parentDirectory(const std::string &path) {
  std::size_t end = path.find_last_not_of('/');
  if (end == std::string::npos)
    return path.empty() ? "." : "/";
  std::size_t slash = path.find_last_of('/', end);
  if (slash == std::string::npos)
    return ".";
  std::size_t last = path.find_last_not_of('/', slash);
  return last == std::string::npos ? "/" : path.substr(0, last + 1);
}

std::string baseName(const std::string &path) {
  std::size_t end = path.find_last_not_of('/');
  if (end == std::string::npos)
    return "";
  std::size_t slash = path.find_last_of('/', end);
  std::size_t begin = slash == std::string::npos ? 0 : slash + 1;
  return path.substr(begin, end + 1 - begin);
}

std::string joinPath(const std::string &directory, std::string_view name) {
  if (directory.empty())
    return std::string(name);
  return directory + (directory.back() == '/' ? "" : "/") + std::string(name);
}

bool isBareFileName(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
         name.find('/') == name.npos && name.find('\0') == name.npos;
}

PathKind pathKind(const std::string &path) {
  struct stat info;
  if (path.find('\0') != std::string::npos || ::stat(path.c_str(), &info) != 0)
    return PathKind::Missing;
  if (S_ISREG(info.st_mode))
    return PathKind::File;
  return S_ISDIR(info.st_mode) ? PathKind::Directory : PathKind::Other;
}

/// The text of a symbolic link; absent where `path` is none.
static Result<std::optional<std::string>> readLink(const std::string &path) {
  std::string text(256, '\0');
  for (;;) {
    ssize_t length = ::readlink(path.c_str(), text.data(), text.size());
    if (length < 0 && (errno == EINVAL || errno == ENOENT))
      return std::optional<std::string>();
    if (length < 0)
      return ioError("read the link", path, errno);
    if (static_cast<std::size_t>(length) < text.size())
      return std::optional<std::string>(text.substr(0, static_cast<std::size_t>(length)));
    text.resize(2 * text.size());
  }
}

Result<std::string> linkTarget(const std::string &path) {
  constexpr int kMostLinks = 40; // as the kernel
  std::string place = path;
  for (int links = 0; links <= kMostLinks; ++links) {
    FTC_ASSIGN_OR_RETURN(std::optional<std::string> next, readLink(place));
    if (!next)
      return place;
    place = next->starts_with('/') ? *next : joinPath(parentDirectory(place), *next);
  }
  return ioError("follow the link", path, ELOOP);
}

bool isSameFile(const std::string &a, const std::string &b) {
  struct stat left, right;
  return ::stat(a.c_str(), &left) == 0 && ::stat(b.c_str(), &right) == 0 &&
         left.st_dev == right.st_dev && left.st_ino == right.st_ino;
}

Result<std::vector<std::string>> listDirectory(const std::string &path) {
  std::unique_ptr<DIR, int (*)(DIR *)> directory(::opendir(path.c_str()), &::closedir);
  if (!directory)
    return ioError("list directory", path, errno);
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent *entry = ::readdir(directory.get());
    if (!entry && errno != 0)
      return ioError("list directory", path, errno);
    if (!entry)
      break;
    std::string name = entry->d_name;
    if (name != "." && name != "..")
      names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

Status makeDirectory(const std::string &path) {
  if (::mkdir(path.c_str(), 0777) != 0)
    return ioError("make directory", path, errno);
  return Status::ok();
}

Status makeDirectories(const std::string &path) {
  if (isDirectory(path))
    return Status::ok();
  if (std::string parent = parentDirectory(path); parent != path)
    FTC_RETURN_IF_ERROR(makeDirectories(parent));
  if (::mkdir(path.c_str(), 0777) != 0 && !(errno == EEXIST && isDirectory(path)))
    return ioError("make directory", path, errno);
  return Status::ok();
}

Status syncDirectory(const std::string &path) {
  int raw;
  do
    raw = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  while (raw < 0 && errno == EINTR);
  if (raw < 0)
    return ioError("open directory", path, errno);
  FileDescriptor fd(raw);
  int result;
  do
    result = ::fsync(fd.get());
  while (result != 0 && errno == EINTR);
  if (result != 0 && errno != EINVAL)
    return ioError("flush (fsync) directory", path, errno);
  return Status::ok();
}

Status renamePath(const std::string &from, const std::string &to) {
  int result;
  do
    result = ::rename(from.c_str(), to.c_str());
  while (result != 0 && errno == EINTR);
  if (result != 0)
    return ioError("rename " + quote(from, 200) + " to", to, errno);
  return Status::ok();
}

Status exchangePaths(const std::string &a, const std::string &b) {
  int result;
  do
    result = ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE);
  while (result != 0 && errno == EINTR);
  if (result != 0)
    return ioError("exchange " + quote(a, 200) + " with", b, errno);
  return Status::ok();
}

Status removeFile(const std::string &path) {
  int result;
  do
    result = ::unlink(path.c_str());
  while (result != 0 && errno == EINTR);
  if (result != 0 && errno != ENOENT)
    return ioError("remove", path, errno);
  return Status::ok();
}

static Status removeTreeLevel(const std::string &path, int depth) {
  struct stat info;
  if (::lstat(path.c_str(), &info) != 0)
    return errno == ENOENT ? Status::ok() : ioError("stat", path, errno);
  if (!S_ISDIR(info.st_mode))
    return removeFile(path);
  if (depth > 64)
    return Status::error("cannot remove " + quote(path, 200) + ": more than 64 levels deep");
  FTC_ASSIGN_OR_RETURN(std::vector<std::string> names, listDirectory(path));
  for (const std::string &name : names)
    FTC_RETURN_IF_ERROR(removeTreeLevel(joinPath(path, name), depth + 1));
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT)
    return ioError("remove directory", path, errno);
  return Status::ok();
}

Status removeTree(const std::string &path) { return removeTreeLevel(path, 0); }

} // namespace ftc::rt
