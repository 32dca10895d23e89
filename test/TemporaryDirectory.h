// A fresh directory for one test, removed with what is in it when the test ends.
#pragma once

#include "runtime/support/FileSystem.h"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace ftc::test {

class TemporaryDirectory {
public:
  TemporaryDirectory() {
    const char *base = std::getenv("TMPDIR");
    root = std::string(base && *base ? base : "/tmp") + "/ftc-test-XXXXXX";
    if (!::mkdtemp(root.data()))
      throw std::runtime_error("cannot make " + root);
  }
  ~TemporaryDirectory() { (void)rt::removeTree(root).isOk(); }
  TemporaryDirectory(const TemporaryDirectory &) = delete;
  TemporaryDirectory &operator=(const TemporaryDirectory &) = delete;

  const std::string &path() const { return root; }
  std::string file(const std::string &name) const { return root + "/" + name; }

private:
  std::string root;
};

} // namespace ftc::test
