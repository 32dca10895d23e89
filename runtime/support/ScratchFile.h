// ScratchFile: memory in a file without a name, mapped; for what would not fit beside the model.
#pragma once

#include "runtime/support/Status.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ftc::rt {

/// Grows by append; what was appended stays where it is for the file's life, and the system may
/// write its pages out when memory is wanted. The file has no name: nothing of it is left when the
/// process ends, however it ends. Not thread-safe.
class ScratchFile {
public:
  /// In `directory`. Uses at most half of what is free there now.
  static Result<std::unique_ptr<ScratchFile>> make(const std::string &directory);
  ~ScratchFile();

  /// `bytes` of zeros at an address aligned for any type; null when the limit, the disk, or
  /// half of the addresses that `ulimit -v` leaves the process, has no room for them, from then
  /// on.
  std::byte *append(std::int64_t bytes);
  /// Bytes of disk taken so far.
  std::int64_t bytes() const { return fileBytes; }

private:
  ScratchFile(int descriptor, std::int64_t limit) : descriptor(descriptor), limit(limit) {}

  struct Chunk {
    std::byte *address;
    std::int64_t length;
  };
  int descriptor;
  std::int64_t limit;
  std::int64_t fileBytes = 0;
  std::int64_t left = 0; ///< in the last chunk
  bool full = false;
  std::vector<Chunk> chunks;
};

} // namespace ftc::rt
