// What somebody needs to have the same run again.
#include "runtime/report/Sections.h"

#include "runtime/support/Text.h"

#include <algorithm>
#include <cstdio>

namespace ftc::rt {

namespace {

constexpr std::size_t kMostCommand = 20000; ///< characters

bool needsNoQuotes(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_@%+=:,./-").find(static_cast<char>(c)) != std::string_view::npos;
}

/// A line a flag.
std::string commandText(const std::vector<std::string> &command) {
  std::string text;
  for (std::size_t i = 0; i < command.size(); ++i) {
    bool flag = command[i].starts_with("--") && i > 1;
    text += (i == 0 ? "" : flag ? " \\\n    " : " ") + shellQuote(command[i]);
  }
  return text;
}

} // namespace

std::string shellQuote(std::string_view argument) {
  if (!argument.empty() && std::all_of(argument.begin(), argument.end(), needsNoQuotes))
    return std::string(argument);
  bool plain =
      isValidUtf8(argument) && escapeHtml(argument).find("\xEF\xBF\xBD") == std::string::npos &&
      std::none_of(argument.begin(), argument.end(), [](unsigned char c) { return c < 0x20; });
  std::string out = plain ? "'" : "$'";
  for (char c : argument) {
    unsigned char byte = static_cast<unsigned char>(c);
    char escaped[8];
    if (plain) {
      out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    } else if (byte < 0x20 || byte >= 0x7F || c == '\'' || c == '\\') {
      std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string reproduceSection(const ReportData &data) {
  std::string body;
  if (!data.command.empty()) {
    body += "<p>The same command gives the same bits, whatever the number of threads, into an "
            "<code>--output_dir</code> that is empty.";
    if (!data.workingDirectory.empty())
      body += " It ran in <code>" + isolated(data.workingDirectory, 400) + "</code>.";
    body += "</p>\n<pre class=\"command\"><code>" +
            escapeHtml(clipText(commandText(data.command), kMostCommand)) + "</code></pre>\n";
  }
  body += factTable("What ran", data.versions);
  body += factTable("Settings, given and by default", data.settings);
  return section("Reproduce it", body);
}

} // namespace ftc::rt
