// Written texts, one a line.
#include "runtime/tasks/TextLines.h"

#include "runtime/io/Json.h"
#include "runtime/metrics/PythonSpace.h"

#include <algorithm>

namespace ftc::rt {

std::string jsonTextLines(std::span<const WrittenText> texts, bool showIds) {
  std::string lines;
  for (const WrittenText &written : texts) {
    OrderedJson line;
    line["text"] = written.text;
    if (showIds)
      line["ids"] = written.ids;
    lines += dumpJson(line) + "\n";
  }
  return lines;
}

std::string joinTexts(std::span<const WrittenText> texts) {
  std::string joined;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::string line(stripSpace(texts[i].text));
    std::replace_if(
        line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    joined += (i ? "\n" : "") + line;
  }
  return joined;
}

} // namespace ftc::rt
