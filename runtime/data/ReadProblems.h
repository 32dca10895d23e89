// ReadProblems: what was wrong with the rows of a file that is read to be checked. With such a
// collector a reader leaves bad rows out and goes on; without one the first is its error.
#pragma once

#include "runtime/support/Status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ftc::rt {

struct ReadProblem {
  std::int64_t line = 0;
  std::string message; ///< as the error would say it, with file and line
};

/// Problems in the file's order, of which the first are kept and all are counted.
class ReadProblems {
public:
  static constexpr std::size_t kMostKept = 1000;

  void add(std::int64_t line, std::string message) {
    ++count;
    if (problems.size() < kMostKept)
      problems.push_back({line, std::move(message)});
  }
  /// Nothing more of the file can be read behind the problem added last.
  void stop() { stopped = true; }

  const std::vector<ReadProblem> &kept() const { return problems; }
  std::int64_t total() const { return count; }
  /// Whether rows may follow that were not read.
  bool readInPart() const { return stopped; }

private:
  std::vector<ReadProblem> problems;
  std::int64_t count = 0;
  bool stopped = false;
};

} // namespace ftc::rt
