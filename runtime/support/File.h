// Files: bounded reading, durable and atomic writing. Every system call that may fail is made
// here and reported with the path, so that one preload shim can fail each of them in tests.
#pragma once

#include "runtime/support/Sha256.h"
#include "runtime/support/Status.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace ftc::rt {

/// An owned file descriptor; -1 when empty. Moves only.
class FileDescriptor {
public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd(fd) {}
  ~FileDescriptor() { reset(); }
  FileDescriptor(FileDescriptor &&other) noexcept : fd(other.release()) {}
  FileDescriptor &operator=(FileDescriptor &&other) noexcept;
  int get() const { return fd; }
  int release() {
    int held = fd;
    fd = -1;
    return held;
  }
  void reset();

private:
  int fd = -1;
};

/// A regular file open for reading at any offset; reads are safe from several threads at once.
class File {
public:
  /// Fails for what is not a regular file (a FIFO or device is never waited on).
  static Result<File> open(const std::string &path);

  /// The size in bytes when it was opened.
  std::uint64_t size() const { return bytes; }
  const std::string &path() const { return name; }
  int descriptor() const { return fd.get(); }

  /// Reads exactly `count` bytes from `offset`. A file that became shorter is an error, not a
  /// SIGBUS: this is why weights are read with this call rather than through a mapping.
  Status readAt(std::uint64_t offset, void *out, std::size_t count) const;

  /// Fails where size or time of modification are not those of when it was opened: for files that
  /// are read little by little, while others might write into them.
  Status checkUnchanged() const;
  /// Takes the file's time of modification as it is now for the one of when it was opened: whoever
  /// calls this has seen that its bytes are the same.
  void acceptTime();

  /// Tells the kernel that [offset, offset + count) will not be read again soon.
  void dropPages(std::uint64_t offset, std::uint64_t count) const;

private:
  FileDescriptor fd;
  std::string name;
  std::uint64_t bytes = 0;
  std::int64_t modified = 0; ///< nanoseconds since 1970
};

/// The whole content of a regular file of at most `maxBytes`; bigger ones are refused unread.
Result<std::string> readFile(const std::string &path, std::uint64_t maxBytes);

/// A new file written front to back and made durable by finish(). Unless finish() succeeded,
/// the destructor removes it: a partial file is never left behind by an error.
class OutputFile {
public:
  /// Creates or truncates `path`. `expectedBytes` (0: unknown) lets a full disk be reported
  /// with the bytes that were still to come.
  static Result<OutputFile> create(const std::string &path, std::uint64_t expectedBytes = 0);
  /// Opens what is there and no regular file (a device, a pipe) and writes into it.
  static Result<OutputFile> openInPlace(const std::string &path);
  /// A file beside `path`, for which it is written and which messages name. Where the file system
  /// can (O_TMPFILE) it has no name, so that a killed process leaves none; else a name of its own
  /// that nobody else has, `path`.PID-N.tmp.
  static Result<OutputFile> createBeside(const std::string &path,
                                         std::uint64_t expectedBytes = 0);
  ~OutputFile();
  OutputFile(OutputFile &&) noexcept = default;
  OutputFile &operator=(OutputFile &&) = delete;

  /// Appends all bytes, however many calls that takes.
  Status write(const void *data, std::size_t count);
  Status write(std::string_view data) { return write(data.data(), data.size()); }

  /// fsync and close. After a failure the content must be taken for lost.
  Status finish();
  /// finish() of a file from createBeside, which then replaces `path` by one rename.
  Status finishAs(const std::string &path);

  std::uint64_t size() const { return written; }
  /// SHA-256 of the bytes handed to write(); valid once, after finish().
  Result<std::string> sha256() { return hash.finishHex(); }
  const std::string &path() const { return name; }
  bool isInPlace() const { return inPlace; }

private:
  OutputFile(FileDescriptor fd, std::string path, std::string place,
             std::uint64_t expectedBytes);
  Status flush();
  Status close();
  FileDescriptor fd;
  std::string name;  ///< in messages
  std::string place; ///< removed unless all went well; empty: no name yet, or in place
  std::uint64_t expected = 0;
  std::uint64_t written = 0;
  bool inPlace = false; ///< never removed; may have no fsync
  Sha256 hash;
};

/// Replaces `path` at once or not at all: writes a file beside it that is nobody else's, fsyncs,
/// renames, fsyncs the parent. A killed process leaves the old file, and a stale
/// `path`.PID-N.tmp (temporaryStem) only where the file system has no files without a name. Of
/// a symbolic link the file that it leads to is replaced, or made where there is none; what is no regular file (/dev/stdout, a
/// pipe) is written into.
class AtomicFile {
public:
  static Result<AtomicFile> create(const std::string &path, std::uint64_t expectedBytes = 0);
  OutputFile &file() { return output; }
  Status write(const void *data, std::size_t count) { return output.write(data, count); }
  Status write(std::string_view data) { return output.write(data); }
  Status commit();

private:
  AtomicFile(std::string path, OutputFile output)
      : target(std::move(path)), output(std::move(output)) {}
  std::string target;
  OutputFile output;
};

/// Of the name of a file that a killed process left behind, NAME.PID-N.tmp: NAME; of others: empty.
std::string_view temporaryStem(std::string_view name);

/// AtomicFile in one call.
Status writeFileAtomic(const std::string &path, std::string_view content);

/// "cannot WHAT 'path': reason" for the errno value `error`: Code::Io, but Code::Failed where it says
/// that there is no such thing.
Status ioError(std::string_view what, const std::string &path, int error);

} // namespace ftc::rt
