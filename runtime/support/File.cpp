// Files: every call is retried on EINTR, every short count continued, every failure reported
// with the path.
#include "runtime/support/File.h"

#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace ftc::rt {

// One call moves at most this much: the kernel's own limit is just under 2 GiB.
static constexpr std::size_t maxTransfer = std::size_t(1) << 30;

FileDescriptor &FileDescriptor::operator=(FileDescriptor &&other) noexcept {
  if (this != &other) {
    reset();
    fd = other.release();
  }
  return *this;
}

void FileDescriptor::reset() {
  if (fd >= 0)
    ::close(fd);
  fd = -1;
}

Status ioError(std::string_view what, const std::string &path, int error) {
  char buffer[128];
  // The GNU strerror_r returns the text, in or outside the buffer.
  const char *reason = ::strerror_r(error, buffer, sizeof buffer);
  std::string text = "cannot " + std::string(what) + " " + quote(path, 200) + ": " + reason;
  // What is not there is a fact about the path, all else a failure to find out.
  bool absent = error == ENOENT || error == ENOTDIR || error == EISDIR || error == ELOOP;
  return absent ? Status::error(std::move(text)) : Status::io(std::move(text));
}

static int openRetrying(const std::string &path, int flags) {
  int fd;
  do
    fd = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  while (fd < 0 && errno == EINTR);
  return fd;
}

static std::int64_t modificationTime(const struct stat &info) {
  return std::int64_t(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec;
}

Result<File> File::open(const std::string &path) {
  if (path.find('\0') != std::string::npos)
    return ioError("open", path, ENOENT);
  // O_NONBLOCK: opening a FIFO without a writer must not hang; regular files ignore it.
  File file;
  file.fd = FileDescriptor(openRetrying(path, O_RDONLY | O_NONBLOCK));
  if (file.fd.get() < 0)
    return ioError("open", path, errno);
  struct stat info;
  if (::fstat(file.fd.get(), &info) != 0)
    return ioError("stat", path, errno);
  if (!S_ISREG(info.st_mode))
    return Status::error("cannot read " + quote(path, 200) + ": it is " +
                         (S_ISDIR(info.st_mode) ? "a directory" : "not a regular file") +
                         ", expected a regular file");
  file.name = path;
  file.bytes = static_cast<std::uint64_t>(info.st_size);
  file.modified = modificationTime(info);
  return file;
}

void File::acceptTime() {
  struct stat info;
  if (::fstat(fd.get(), &info) == 0)
    modified = modificationTime(info);
}

Status File::checkUnchanged() const {
  struct stat info;
  if (::fstat(fd.get(), &info) != 0)
    return ioError("stat", name, errno);
  if (static_cast<std::uint64_t>(info.st_size) == bytes && modificationTime(info) == modified)
    return Status::ok();
  return Status::error("cannot read on in " + quote(name, 200) +
                       ": it was written to after it was opened, expected it to stay as it is "
                       "while it is in use");
}

Status File::readAt(std::uint64_t offset, void *out, std::size_t count) const {
  char *to = static_cast<char *>(out);
  while (count) {
    ssize_t got = ::pread(fd.get(), to, std::min(count, maxTransfer), off_t(offset));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return ioError("read", name, errno);
    if (got == 0)
      return Status::error("cannot read " + quote(name, 200) + ": it ends at byte " +
                           std::to_string(offset) + ", expected " + std::to_string(count) +
                           " bytes more (it had " + std::to_string(bytes) +
                           " when it was opened; is something writing to it?)");
    to += got;
    offset += std::uint64_t(got);
    count -= std::size_t(got);
  }
  return Status::ok();
}

void File::dropPages(std::uint64_t offset, std::uint64_t count) const {
  // Advice alone: a failure changes nothing but memory use.
  (void)::posix_fadvise(fd.get(), off_t(offset), off_t(count), POSIX_FADV_DONTNEED);
}

Result<std::string> readFile(const std::string &path, std::uint64_t maxBytes) {
  FTC_ASSIGN_OR_RETURN(File file, File::open(path));
  if (file.size() > maxBytes)
    return Status::error("cannot read " + quote(path, 200) + ": it has " +
                         describeBytes(file.size()) + ", expected at most " +
                         describeBytes(maxBytes));
  std::string content(file.size(), '\0');
  FTC_RETURN_IF_ERROR(file.readAt(0, content.data(), content.size()));
  return content;
}

OutputFile::OutputFile(FileDescriptor fd, std::string path, std::string place,
                       std::uint64_t expectedBytes)
    : fd(std::move(fd)), name(std::move(path)), place(std::move(place)),
      expected(expectedBytes) {}

Result<OutputFile> OutputFile::create(const std::string &path, std::uint64_t expectedBytes) {
  if (path.find('\0') != std::string::npos)
    return ioError("create", path, EINVAL);
  FileDescriptor fd(openRetrying(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW));
  if (fd.get() < 0)
    return ioError("create", path, errno);
  return OutputFile(std::move(fd), path, path, expectedBytes);
}

/// `path`.PID-N.tmp; of a long name the beginning.
static std::string temporaryPath(const std::string &path, int n) {
  constexpr std::size_t kMostBytes = 220;
  return joinPath(parentDirectory(path), baseName(path).substr(0, kMostBytes)) + "." +
         std::to_string(::getpid()) + "-" + std::to_string(n) + ".tmp";
}

std::string_view temporaryStem(std::string_view name) {
  if (!name.ends_with(".tmp"))
    return {};
  name.remove_suffix(4);
  auto digits = [](std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
  };
  std::size_t dash = name.rfind('-'), dot = name.rfind('.');
  if (dash == name.npos || dot == name.npos || dot > dash || !digits(name.substr(dash + 1)) ||
      !digits(name.substr(dot + 1, dash - dot - 1)))
    return {};
  return name.substr(0, dot);
}

/// How many names are tried that others may have taken, by intent or with the same process id.
static constexpr int kMostNames = 1000;

Result<OutputFile> OutputFile::createBeside(const std::string &path,
                                            std::uint64_t expectedBytes) {
  if (path.find('\0') != std::string::npos)
    return ioError("create", path, EINVAL);
  // Without /proc a file without a name could not be given one.
  if (::access("/proc/self/fd", X_OK) == 0) {
    FileDescriptor fd(openRetrying(parentDirectory(path), O_WRONLY | O_TMPFILE));
    if (fd.get() >= 0)
      return OutputFile(std::move(fd), path, "", expectedBytes);
    // EISDIR: a kernel or file system that does not know the flag.
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
      return ioError("create", path, errno);
  }
  for (int n = 0;; ++n) {
    std::string place = temporaryPath(path, n);
    FileDescriptor fd(openRetrying(place, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW));
    if (fd.get() >= 0)
      return OutputFile(std::move(fd), path, place, expectedBytes);
    if (errno != EEXIST || n == kMostNames)
      return ioError("create", path, errno);
  }
}

Result<OutputFile> OutputFile::openInPlace(const std::string &path) {
  FileDescriptor fd(openRetrying(path, O_WRONLY));
  if (fd.get() < 0)
    return ioError("write to", path, errno);
  OutputFile file(std::move(fd), path, "", 0);
  file.inPlace = true;
  return file;
}

OutputFile::~OutputFile() {
  if (fd.get() < 0)
    return;
  fd.reset();
  if (!place.empty())
    ::unlink(place.c_str());
}

/// A full disk or quota: says how much is still to be written and how much is free.
static Status noSpace(const std::string &path, std::uint64_t needed, int error) {
  std::string message = ioError("write", path, error).message() + "; " + describeBytes(needed) +
                        " more are needed";
  struct statvfs info;
  if (::statvfs(parentDirectory(path).c_str(), &info) == 0)
    message += ", " + describeBytes(std::uint64_t(info.f_bavail) * info.f_frsize) + " are free";
  return Status::io(message + ": free space, or write to another place");
}

Status OutputFile::write(const void *data, std::size_t count) {
  if (fd.get() < 0)
    return ioError("write", name, EBADF);
  const char *from = static_cast<const char *>(data);
  hash.update(from, count);
  while (count) {
    ssize_t put = ::write(fd.get(), from, std::min(count, maxTransfer));
    if (put < 0 && errno == EINTR)
      continue;
    int error = put < 0 ? errno : EIO;
    if (put <= 0 && (error == ENOSPC || error == EDQUOT || error == EFBIG))
      return noSpace(
          name, std::max<std::uint64_t>(expected > written ? expected - written : 0, count),
          error);
    if (put <= 0)
      return ioError("write", name, error);
    from += put;
    written += std::uint64_t(put);
    count -= std::size_t(put);
  }
  return Status::ok();
}

Status OutputFile::flush() {
  if (fd.get() < 0)
    return ioError("flush", name, EBADF);
  int result;
  do
    result = ::fsync(fd.get());
  while (result != 0 && errno == EINTR);
  // EINVAL: of a device or a pipe there is nothing to flush.
  if (result != 0 && !(inPlace && errno == EINVAL)) {
    int error = errno;
    // The kernel may already have dropped the dirty pages: the file is worthless.
    return error == ENOSPC || error == EDQUOT ? noSpace(name, written, error)
                                              : ioError("flush (fsync)", name, error);
  }
  return Status::ok();
}

Status OutputFile::close() {
  // Linux has closed the descriptor even when close says EINTR.
  if (::close(fd.release()) != 0 && errno != EINTR) {
    Status status = ioError("close", name, errno);
    if (!place.empty())
      ::unlink(place.c_str());
    return status;
  }
  return Status::ok();
}

Status OutputFile::finish() {
  FTC_RETURN_IF_ERROR(flush());
  return close();
}

Status OutputFile::finishAs(const std::string &path) {
  FTC_RETURN_IF_ERROR(flush());
  std::string own = "/proc/self/fd/" + std::to_string(fd.get());
  for (int n = 0; place.empty(); ++n) {
    std::string temporary = temporaryPath(path, n);
    if (::linkat(AT_FDCWD, own.c_str(), AT_FDCWD, temporary.c_str(), AT_SYMLINK_FOLLOW) == 0)
      place = temporary;
    else if (errno != EEXIST || n == kMostNames)
      return ioError("create", path, errno);
  }
  FTC_RETURN_IF_ERROR(close());
  Status status = renamePath(place, path);
  if (!status)
    ::unlink(place.c_str());
  return status;
}

Result<AtomicFile> AtomicFile::create(const std::string &path, std::uint64_t expectedBytes) {
  if (pathKind(path) == PathKind::Other) {
    FTC_ASSIGN_OR_RETURN(OutputFile output, OutputFile::openInPlace(path));
    return AtomicFile(path, std::move(output));
  }
  FTC_ASSIGN_OR_RETURN(std::string real, linkTarget(path));
  FTC_ASSIGN_OR_RETURN(OutputFile output, OutputFile::createBeside(real, expectedBytes));
  return AtomicFile(real, std::move(output));
}

Status AtomicFile::commit() {
  if (output.isInPlace())
    return output.finish();
  FTC_RETURN_IF_ERROR(output.finishAs(target));
  return syncDirectory(parentDirectory(target));
}

Status writeFileAtomic(const std::string &path, std::string_view content) {
  FTC_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path, content.size()));
  FTC_RETURN_IF_ERROR(file.write(content));
  return file.commit();
}

} // namespace ftc::rt
