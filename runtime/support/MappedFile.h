// A whole file mapped read-only: for weights and artifacts that are looked at in place.
#pragma once

#include "runtime/support/Status.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ftc::rt {

/// A private, read-only mapping; moves only, unmapped by the destructor.
///
/// SIGBUS policy: a mapped page that cannot be read (the file was cut by another process, or
/// the disk failed) raises SIGBUS at the access; no check before it can rule that out. So
/// bulk data is read with File::readAt, which returns a Status, and mappings are kept for data
/// that is used in place. installBusErrorHandler() turns what remains into a one-line message
/// and exit code 1 in place of a crash.
class MappedFile {
public:
  static Result<MappedFile> open(const std::string &path);
  MappedFile() = default;
  ~MappedFile();
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;

  const std::byte *data() const { return base; }
  std::size_t size() const { return length; }
  std::span<const std::byte> bytes() const { return {base, length}; }
  std::string_view text() const { return {reinterpret_cast<const char *>(base), length}; }

  /// Gives the pages that lie wholly in [offset, offset + count) back to the system; they are
  /// read again from the file when touched.
  void dropPages(std::size_t offset, std::size_t count) const;

private:
  void unmap();
  const std::byte *base = nullptr;
  std::size_t length = 0;
};

/// Makes SIGBUS print "error: ..." on stderr and exit with code 1 (async-signal-safe calls
/// alone). For the mains of the tools; called once.
void installBusErrorHandler();

} // namespace ftc::rt
