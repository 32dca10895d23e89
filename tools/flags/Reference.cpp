// What packages say of a command: its manual page and its completion, from the same declarations as
// --help.
#include "tools/flags/FlagSet.h"

#include "runtime/support/Version.h"

#include <algorithm>

namespace ftc::cli {

/// Text as roff shows it: no requests, no escapes, and dashes that can be copied.
static std::string roff(std::string_view text) {
  std::string out;
  for (char c : text)
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if (out.empty() && (c == '.' || c == '\''))
      out += std::string("\\&") + c;
    else
      out += c;
  return out;
}

/// "ftc catalog pull" -> "ftc-catalog-pull".
static std::string pageName(std::string name) {
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string FlagSet::manualPage() const {
  std::string name = pageName(title), capitals = name;
  for (char &c : capitals)
    c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  std::string program = title.substr(0, title.find(' '));
  std::string out = ".TH " + roff(capitals) + " 1 \"\" \"" + rt::versionString() + "\" \"ftc\"\n";
  out += ".SH NAME\n" + roff(name) + " \\- " + roff(summary) + "\n";
  out += ".SH SYNOPSIS\n.B " + roff(title) + "\n" + roff(usage) + "\n";
  out += ".SH DESCRIPTION\n" + roff(summary) + "\n";
  if (!positionalList.empty())
    out += ".SH ARGUMENTS\n";
  for (const Positional &slot : positionalList)
    out += ".TP\n.I " + roff(slot.placeholder) + "\n" + roff(slot.help) + "\n";
  out += ".SH OPTIONS\nA dash may stand for an underscore in every flag.\n";
  for (std::size_t i = 1; i <= groups.size(); ++i) {
    std::size_t index = i % groups.size(); // the general group comes last
    bool empty = std::none_of(flags.begin(), flags.end(), [&](const Flag &flag) {
      return flag.group == index && !flag.hidden;
    });
    if (empty)
      continue;
    out += ".SS " + roff(groups[index]) + "\n";
    for (const Flag &flag : flags) {
      if (flag.group != index || flag.hidden)
        continue;
      out += ".TP\n";
      if (flag.letter)
        out += std::string(".BR \\-") + flag.letter + " , \" \\-\\-" + roff(flag.name) + "\"";
      else
        out += ".B \\-\\-" + roff(flag.name);
      out += " \\fI" + (flag.kind == Kind::Boolean ? "[true|false]" : roff(flag.placeholder)) +
             "\\fP\n" + roff(flag.help);
      if (flag.required)
        out += " (required)";
      else if (!flag.defaultText.empty())
        out += " (default " + roff(flag.defaultText) + ")";
      out += "\n";
    }
  }
  out += ".TP\n.B \\-\\-help\nPrint the flags and exit.\n";
  out += ".TP\n.B \\-\\-version\nPrint the version and exit.\n";
  out += ".SH EXIT STATUS\n" + roff(exitText()) + "\n";
  out += ".SH SEE ALSO\n.BR " + program + " (1)\n";
  return out;
}

std::string FlagSet::completionTable() const {
  std::string out;
  auto clean = [](std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c == '\t' || c == '\n'; }, ' ');
    return text;
  };
  for (const Flag &flag : flags) {
    if (flag.hidden)
      continue;
    bool file = flag.placeholder.find("FILE") != std::string::npos || flag.placeholder == "DIR";
    std::string choices;
    for (const std::string &choice : flag.choices)
      choices += (choices.empty() ? "" : " ") + choice;
    const char *kind = flag.kind == Kind::Boolean ? "boolean" : file ? "file" : "value";
    out += flag.name + "\t" + kind + "\t" +
           (flag.kind == Kind::Boolean ? "true false" : choices) + "\t" + clean(flag.help) + "\n";
  }
  return out + "help\tboolean\t\tprint the flags\nversion\tboolean\t\tprint the version\n";
}

} // namespace ftc::cli
