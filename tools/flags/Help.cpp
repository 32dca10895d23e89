// What people read: --help, nearest names, and the last line of a failed command.
#include "tools/flags/FlagSet.h"

#include "runtime/support/Text.h"
#include "runtime/support/Version.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace ftc::cli {

using rt::Status;

namespace {

constexpr std::size_t kHelpColumns = 96, kHelpIndent = 34, kMaxErrorBytes = 500;

/// Appends `text`, wrapped, every line after the first indented by kHelpIndent.
void appendWrapped(std::string &out, std::string_view text, std::size_t column) {
  if (column + 2 > kHelpIndent) {
    out += '\n';
    column = 0;
  }
  out.append(kHelpIndent - column, ' ');
  column = kHelpIndent;
  while (!text.empty()) {
    std::size_t space = text.find(' ');
    std::string_view word = text.substr(0, space);
    if (column + word.size() > kHelpColumns && column > kHelpIndent) {
      out.back() = '\n';
      out.append(kHelpIndent, ' ');
      column = kHelpIndent;
    }
    out += word;
    out += ' ';
    column += word.size() + 1;
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  }
  while (!out.empty() && out.back() == ' ')
    out.pop_back();
  out += '\n';
}

std::size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

} // namespace

std::string versionLine(std::string_view program) {
  std::string version = rt::versionString();
  return version.starts_with(std::string(program) + " ") ? version
                                                         : std::string(program) + " " + version;
}

std::string canonicalName(std::string_view name) {
  std::string canonical(name);
  std::replace(canonical.begin(), canonical.end(), '-', '_');
  return canonical;
}

std::string nearestName(std::string_view name, std::span<const std::string> candidates) {
  std::string_view compared = name.substr(0, 100);
  const std::string *best = nullptr;
  std::size_t least = 0;
  for (const std::string &candidate : candidates) {
    std::size_t distance = editDistance(compared, candidate);
    if (!best || distance < least) {
      best = &candidate;
      least = distance;
    }
  }
  bool near = best && least <= std::max<std::size_t>(2, compared.size() / 3);
  return near ? *best : std::string();
}

Status unknownCommand(std::string_view program, std::string_view found,
                      std::span<const std::string> known) {
  std::string list;
  for (const std::string &name : known)
    list += (list.empty() ? "" : ", ") + name;
  if (found.empty())
    return Status::usage("expected a command: " + list + "; see " + std::string(program) +
                         " --help");
  std::string nearest = nearestName(found, known);
  return Status::usage(rt::quote(found) + ": unknown command; " +
                       (nearest.empty() ? "" : "the nearest is " + nearest + "; ") +
                       "expected one of " + list);
}

namespace {

/// Whether all that went to stdout has arrived: a full device shows when the buffer is flushed,
/// or showed at an earlier write.
Status flushResults() {
  errno = 0;
  bool flushed = std::fflush(stdout) == 0;
  int error = errno;
  if (flushed && !std::ferror(stdout))
    return Status::ok();
  return Status::error("standard output: cannot write the results" +
                       (error ? ": " + std::string(std::strerror(error)) : std::string()));
}

} // namespace

int exitCode(std::string_view program, const Status &outcome) {
  Status status = outcome;
  if (status.isOk())
    status = flushResults();
  if (status.isOk())
    return 0;
  std::string line = std::string(program) + ": " + status.message();
  for (char &c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = ' ';
  if (line.size() > kMaxErrorBytes) {
    std::size_t cut = kMaxErrorBytes - 3;
    while (cut > 0 && (static_cast<unsigned char>(line[cut]) & 0xc0) == 0x80)
      --cut;
    line = line.substr(0, cut) + "...";
  }
  std::fflush(stdout);
  std::fprintf(stderr, "%s\n", line.c_str());
  return status.code() == rt::Code::Usage ? 2 : 1;
}

std::string FlagSet::exitText() const {
  return "0 on success; 2 for a flag that is unknown, missing, or has another value than "
         "expected; 1 for every other failure. The last line on stderr says why." +
         (moreExits.empty() ? "" : " " + moreExits);
}

std::string FlagSet::help() const {
  std::string out = "usage: " + title + " " + usage + "\n" + summary + "\n";
  if (!positionalList.empty())
    out += '\n';
  for (const Positional &slot : positionalList) {
    std::string left = "  " + slot.placeholder;
    out += left;
    appendWrapped(out, slot.help, left.size());
  }
  // The general group (config, help, version) comes last.
  for (std::size_t i = 1; i <= groups.size(); ++i) {
    std::size_t index = i % groups.size();
    bool empty = std::none_of(flags.begin(), flags.end(),
                              [&](const Flag &flag) { return flag.group == index && !flag.hidden; });
    if (empty)
      continue;
    out += "\n" + groups[index] + ":\n";
    for (const Flag &flag : flags) {
      if (flag.group != index || flag.hidden)
        continue;
      std::string left = "  ";
      if (flag.letter)
        left += std::string("-") + flag.letter + ", ";
      left += "--" + flag.name;
      if (flag.kind == Kind::Boolean)
        left += " [true|false]";
      else
        left += " " + flag.placeholder;
      std::string right = flag.help;
      if (flag.required)
        right += " (required)";
      else if (!flag.defaultText.empty())
        right += " (default " + flag.defaultText + ")";
      out += left;
      appendWrapped(out, right, left.size());
    }
  }
  out += "  --help, --version\n\nA dash may stand for an underscore in every flag.\n";
  std::string left = "Exit codes";
  out += left;
  appendWrapped(out, exitText(), left.size());
  return out;
}

} // namespace ftc::cli
