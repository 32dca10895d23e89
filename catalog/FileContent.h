// A file of the hub on its way to the disk: resumed, bounded, checked.
#pragma once

#include "catalog/Hub.h"
#include "runtime/support/File.h"

#include <functional>

namespace ftc::catalog {

/// Appends a download to a partial file. What is wrong with the answer, as opposed to the disk,
/// is `problem`, and `restart` says that what is there must go.
class FileContent : public BodySink {
public:
  /// Opens `partial`, made where there is none; `seen` is told how many bytes there are.
  static rt::Result<FileContent> open(const std::string &partial, const HubFile &file,
                                      const std::function<void(std::int64_t)> &seen);

  rt::Status begin(const HttpResponse &response) override;
  rt::Status write(std::string_view piece) override;

  std::int64_t bytes() const { return at; }
  /// Whether all bytes are there, where their number is known.
  bool isComplete() const { return expected >= 0 && at == expected; }
  /// What came is all: its number was not known before.
  void settle() { expected = at; }
  rt::Status clear();
  rt::Status sync();
  /// Empty where the content has the file's hash, else what is wrong.
  rt::Result<std::string> mismatch() const;

  std::string problem;
  bool restart = false;
  bool page = false; ///< the problem is that a web page came instead

private:
  FileContent(rt::FileDescriptor fd, std::string path, const HubFile &file,
              const std::function<void(std::int64_t)> &seen)
      : fd(std::move(fd)), path(std::move(path)), file(file), seen(seen), expected(file.size) {}
  rt::Status refuse(std::string what, bool fromScratch);

  rt::FileDescriptor fd;
  std::string path;
  const HubFile &file;
  const std::function<void(std::int64_t)> &seen;
  std::int64_t at = 0, expected;
};

/// git's name of a blob with the file's content: SHA-1 of "blob SIZE\0" and the content.
rt::Result<std::string> gitBlobSha1(const std::string &path);

} // namespace ftc::catalog
