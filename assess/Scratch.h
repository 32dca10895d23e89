// Scratch: where an assessment keeps its trial artifacts.
#pragma once

#include "runtime/support/FileSystem.h"

#include <memory>
#include <string>

namespace ftc::assess {

/// A directory under $TMPDIR that goes when this does. While it lives it is locked (flock) and
/// has a marker file, so that the next assessment can tell one that was killed from one at
/// work, and from what is no scratch directory, and removes it. Where the file system has no
/// locks it has no marker either: what a killed assessment left there stays.
class Scratch {
public:
  static rt::Result<std::unique_ptr<Scratch>> make();
  ~Scratch();
  Scratch(const Scratch &) = delete;
  Scratch &operator=(const Scratch &) = delete;

  std::string file(const std::string &name) const { return rt::joinPath(directory, name); }
  const std::string &path() const { return directory; }

private:
  Scratch(std::string directory, int held) : directory(std::move(directory)), held(held) {}
  std::string directory;
  int held; ///< the directory, open and locked
};

} // namespace ftc::assess
