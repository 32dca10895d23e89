// Lines of a file whose bytes are checked once.
#include "runtime/data/LineReader.h"

#include "runtime/data/Formats.h"

#include <algorithm>

namespace ftc::rt {

std::string_view withoutGzip(std::string_view path) {
  bool compressed = path.ends_with(".gz") || path.ends_with(".GZ");
  return path.substr(0, path.size() - (compressed ? 3 : 0));
}

std::string suffixOf(std::string_view path) {
  path = withoutGzip(path);
  path.remove_prefix(std::min(path.rfind('/') + 1, path.size())); // npos + 1 is 0
  std::size_t period = path.rfind('.');
  return period == std::string_view::npos ? std::string()
                                          : std::string(path.substr(period + 1));
}

Status LineReader::open(std::string_view path, std::string bytes, bool maybeBlank,
                        bool checked) {
  held = std::move(bytes);
  if (withoutGzip(path) != path) {
    FTC_ASSIGN_OR_RETURN(held, gunzip(path, held));
  }
  content = withoutByteOrderMark(held);
  if (checked)
    FTC_RETURN_IF_ERROR(checkUtf8(path, held).takeStatus());
  return maybeBlank && !content.empty() ? Status::ok() : checkNotBlank(path, content);
}

std::string_view LineReader::next() {
  std::size_t end = std::min(content.find('\n', at), content.size());
  std::string_view line = content.substr(at, end - at);
  at = std::min(end + 1, content.size());
  if (line.ends_with('\r'))
    line.remove_suffix(1);
  return line;
}

std::int64_t LineReader::countRest() {
  std::int64_t lines = 0;
  for (; !atEnd(); ++lines)
    next();
  return lines;
}

} // namespace ftc::rt
