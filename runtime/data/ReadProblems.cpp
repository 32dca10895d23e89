// Bytes that are no text, row by row.
#include "runtime/data/ReadProblems.h"

#include "runtime/data/Formats.h"
#include "runtime/support/Text.h"

#include <algorithm>

namespace ftc::rt {

std::string invalidUtf8Message(std::string_view path, std::int64_t line,
                               std::string_view byte) {
  return whereInFile(path, line) + ": expected UTF-8, got an invalid byte " + escape(byte) +
         "; convert the file to UTF-8";
}

void ReadProblems::readInsteadOf(std::string_view file, std::string bytes) {
  path = file;
  original = std::move(bytes);
  at = 0;
  line = 1;
}

bool ReadProblems::tellInvalid(std::size_t end, bool once) {
  bool any = false;
  end = std::min(end, original.size());
  while (at < end) {
    std::string_view rest = std::string_view(original).substr(at, end - at);
    std::optional<std::size_t> bad = findInvalidUtf8(rest);
    std::size_t until = bad.value_or(rest.size());
    line += std::count(rest.begin(), rest.begin() + until, '\n');
    if (bad)
      add(line, invalidUtf8Message(path, line, rest.substr(*bad, 1)));
    any |= bad.has_value();
    // What follows in a line, or in a row, is not told again.
    std::size_t next = !bad   ? until
                       : once ? rest.size()
                              : std::min(rest.find('\n', until), rest.size());
    line += std::count(rest.begin() + until, rest.begin() + next, '\n');
    at += next;
  }
  return any;
}

void ReadProblems::stopAt(std::int64_t brokenLine, std::size_t end, std::string message) {
  if (tellInvalidLines(end) && last == brokenLine)
    at = std::min(original.find('\n', at), original.size());
  else
    add(brokenLine, std::move(message));
  stop();
}

void ReadProblems::endInvalid() {
  tellInvalidLines(original.size());
  original = std::string();
}

} // namespace ftc::rt
