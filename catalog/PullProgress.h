// What a pull shows on stderr: a line a file; on a terminal it counts while the bytes come.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace ftc::catalog {

class PullProgress {
public:
  /// `size`: bytes of the whole file, -1: unknown.
  PullProgress(std::string name, std::int64_t size);
  /// So many bytes are there; drawn at most four times a second.
  void show(std::int64_t bytes);
  /// The file is there, and checked.
  void done();
  /// Bytes that came since the first show().
  std::int64_t came() const { return last < first ? last : last - first; }
  ~PullProgress();

private:
  std::string line(std::int64_t bytes) const;
  std::string name;
  std::int64_t size, first = -1, last = 0;
  bool terminal, drawn = false;
  std::chrono::steady_clock::time_point start, next;
};

} // namespace ftc::catalog
