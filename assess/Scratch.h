// Scratch: where an assessment keeps its trial artifacts.
#pragma once

#include "runtime/support/FileSystem.h"

#include <memory>
#include <string>

namespace ftc::assess {

/// A directory under $TMPDIR that goes when this does. While it lives it is locked (flock), so
/// that the next assessment can tell one that was killed from one at work, and removes it.
class Scratch {
public:
  static rt::Result<std::unique_ptr<Scratch>> make();
  ~Scratch();
  Scratch(const Scratch &) = delete;
  Scratch &operator=(const Scratch &) = delete;

  std::string file(const std::string &name) const { return rt::joinPath(directory, name); }
  const std::string &path() const { return directory; }

private:
  Scratch(std::string directory, int lock) : directory(std::move(directory)), lock(lock) {}
  std::string directory;
  int lock; ///< the directory, open and locked
};

} // namespace ftc::assess
