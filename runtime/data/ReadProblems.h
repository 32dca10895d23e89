// ReadProblems: what was wrong with the rows of a file that is read to be checked. With such a
// collector a reader leaves bad rows out and goes on; without one the first is its error.
#pragma once

#include "runtime/support/Status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ftc::rt {

struct ReadProblem {
  std::int64_t line = 0; ///< or row, in files that have no lines
  std::string message; ///< as the error would say it, with file and line
};

/// Problems in the file's order, of which the first are kept and all are counted.
class ReadProblems {
public:
  static constexpr std::size_t kMostKept = 1000;

  void add(std::int64_t line, std::string message) {
    ++count;
    last = line;
    if (problems.size() < kMostKept)
      problems.push_back({line, std::move(message)});
  }
  /// Nothing more of the file can be read behind the problem added last.
  void stop() { stoppedIn = last; }

  /// The file breaks on `line`, `end` bytes into it: told with `message`, unless a bad byte of
  /// that line, now told as tellInvalidLines does, is the cause.
  void stopAt(std::int64_t line, std::size_t end, std::string message);

  /// Readers are given valid UTF-8; where a file is not, `original` is what it has at the same
  /// places, and bad bytes are told by the two below as the reader passes them.
  void readInsteadOf(std::string_view path, std::string original);
  /// Tells each line with a bad byte before `end`, and behind what was told before: nothing of
  /// it is a row. Returns whether there was any.
  bool tellInvalidLines(std::size_t end) { return tellInvalid(end, /*once=*/false); }
  /// The same where all of it is one row: told once. True: the row is not to be kept.
  bool tellInvalidRow(std::size_t end) { return tellInvalid(end, /*once=*/true); }
  /// Tells what is left, and lets go of the file's bytes.
  void endInvalid();

  const std::vector<ReadProblem> &kept() const { return problems; }
  std::int64_t total() const { return count; }
  /// "line", or "row" in files that have no lines.
  std::string_view unit() const { return countsRows ? "row" : "line"; }
  bool countsRows = false;
  /// Whether rows may follow that were not read.
  bool readInPart() const { return stoppedIn != 0; }
  /// The line of the problem that it stopped at.
  std::int64_t stopLine() const { return stoppedIn; }

private:
  bool tellInvalid(std::size_t end, bool once);

  std::vector<ReadProblem> problems;
  std::int64_t count = 0;
  std::int64_t last = 0, stoppedIn = 0;
  std::string path, original;
  std::size_t at = 0; ///< in `original`: told up to here
  std::int64_t line = 1;
};

/// "PATH: line N: expected UTF-8, …" of the byte.
std::string invalidUtf8Message(std::string_view path, std::int64_t line, std::string_view byte);

} // namespace ftc::rt
