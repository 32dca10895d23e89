// AppendFile: a log that is read while it grows. Each write is whole in the file when the call
// returns, so that a killed process leaves a prefix of them.
#pragma once

#include "runtime/support/File.h"

namespace ftc::rt {

class AppendFile {
public:
  /// Makes a new file; one that is there already is an error.
  static Result<AppendFile> create(const std::string &path);

  /// Appends all bytes, without a buffer of its own.
  Status write(std::string_view bytes);
  const std::string &path() const { return name; }

private:
  AppendFile(FileDescriptor fd, std::string path) : fd(std::move(fd)), name(std::move(path)) {}
  FileDescriptor fd;
  std::string name;
};

} // namespace ftc::rt
