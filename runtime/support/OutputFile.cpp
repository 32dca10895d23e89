// A file is made and removed: permissions alone say nothing of read-only, full or odd file systems.
#include "runtime/support/OutputFile.h"

#include "runtime/support/File.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

namespace ftc::rt {

Status checkWritableFile(const std::string &path) {
  if (pathKind(path) == PathKind::Directory)
    return Status::error(quote(path, 200) + ": expected a file's name, got a directory");
  if (pathKind(path) == PathKind::Other) // a device or a pipe is written into
    return ::access(path.c_str(), W_OK) == 0 ? Status::ok() : ioError("write to", path, errno);
  FTC_ASSIGN_OR_RETURN(std::string target, linkTarget(path));
  std::string parent = parentDirectory(target);
  PathKind kind = pathKind(parent);
  if (kind != PathKind::Directory)
    return Status::error(quote(path, 200) + ": expected a file in an existing directory, " +
                         (kind == PathKind::Missing ? "but there is no " : "got a file at ") +
                         quote(parent, 160));
  std::string probe = target + ".XXXXXX";
  int descriptor = ::mkostemp(probe.data(), O_CLOEXEC);
  if (descriptor < 0)
    return ioError("write in", parent, errno);
  ::close(descriptor);
  return removeFile(probe);
}

} // namespace ftc::rt
