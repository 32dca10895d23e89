// access(2) answers for the file system too: EROFS where it is mounted read-only.
#include "runtime/support/OutputFile.h"

#include "runtime/support/File.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"

#include <cerrno>
#include <unistd.h>

namespace ftc::rt {

Status checkWritableFile(const std::string &path) {
  if (pathKind(path) == PathKind::Directory)
    return Status::error(quote(path, 200) + ": expected a file's name, found a directory");
  std::string parent = parentDirectory(path);
  PathKind kind = pathKind(parent);
  if (kind != PathKind::Directory)
    return Status::error(quote(path, 200) + ": expected a file in an existing directory, " +
                         (kind == PathKind::Missing ? "but there is no " : "found a file at ") +
                         quote(parent, 160));
  if (::access(parent.c_str(), W_OK | X_OK) != 0)
    return ioError("cannot write in", parent, errno);
  return Status::ok();
}

} // namespace ftc::rt
