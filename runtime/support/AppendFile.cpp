// No fsync: what a power cut may take of a log is not worth a wait a step.
#include "runtime/support/AppendFile.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace ftc::rt {

Result<AppendFile> AppendFile::create(const std::string &path) {
  int fd;
  do
    fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
  while (fd < 0 && errno == EINTR);
  if (fd < 0)
    return ioError("create", path, errno);
  return AppendFile(FileDescriptor(fd), path);
}

Status AppendFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t put = ::write(fd.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0)
      return ioError("write", name, errno);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

} // namespace ftc::rt
