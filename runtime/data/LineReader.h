// LineReader: the lines of a text file in memory, for formats whose lines are the examples.
#pragma once

#include "runtime/support/Status.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace ftc::rt {

/// `path` without a .gz (or .GZ) behind it.
std::string_view withoutGzip(std::string_view path);
/// What follows the last period of a file's name, .gz left out; empty when there is none.
std::string suffixOf(std::string_view path);

/// LF ends a line, a CR before it is dropped, a last line may lack it; empty lines are lines.
class LineReader {
public:
  /// Inflates `bytes` where `path` ends in .gz, skips a byte order mark and keeps the rest.
  /// Fails unless that is UTF-8, and on a file of blank lines alone unless `maybeBlank`; on one
  /// without a byte in any case.
  /// Unless `checked`, lines may have bytes that are not UTF-8.
  Status open(std::string_view path, std::string bytes, bool maybeBlank, bool checked = true);

  std::size_t bytes() const { return content.size(); }
  bool atEnd() const { return at == content.size(); }
  /// The next line; lives as long as this.
  std::string_view next();
  /// How many lines are left.
  std::int64_t countRest();

private:
  std::string held;
  std::string_view content;
  std::size_t at = 0;
};

} // namespace ftc::rt
