// `ftc catalog`: which of its commands, and the tables that they print.
#include "tools/ftc/CatalogCommand.h"

#include "tools/flags/FlagSet.h"
#include "tools/ftc/Commands.h"

#include <cstdio>

namespace ftc::cli {

static const char *const kUsage =
    "usage: ftc catalog COMMAND …\n\n"
    "  list         models that can be fine-tuned, and which are here\n"
    "  show MODEL   one of them: sizes, files, and what each method takes on this machine\n"
    "  pull MODEL   downloads one from the hub\n\n"
    "ftc catalog COMMAND --help lists a command's flags; --version prints the version.\n";

rt::Status catalogCommand(std::span<const std::string> arguments) {
  static const std::string known[] = {"list", "show", "pull"};
  std::string command = arguments.empty() ? "" : arguments[0];
  if (command == "--help" || command == "-h") {
    std::fputs(kUsage, stdout);
    return {};
  }
  if (command == "--version") {
    std::printf("%s\n", versionLine("ftc").c_str());
    return {};
  }
  if (command == "list")
    return catalogListCommand(arguments.subspan(1));
  if (command == "show")
    return catalogShowCommand(arguments.subspan(1));
  if (command == "pull")
    return catalogPullCommand(arguments.subspan(1));
  return unknownCommand("ftc catalog", command, known);
}

std::string shortCount(std::int64_t count) {
  struct Unit {
    double scale;
    const char *letter;
  };
  for (Unit unit : {Unit{1e9, "B"}, Unit{1e6, "M"}, Unit{1e3, "K"}}) {
    double value = static_cast<double>(count) / unit.scale;
    if (value < 0.9995)
      continue;
    char text[32];
    std::snprintf(text, sizeof text,
                  value < 9.995   ? "%.2f%s"
                  : value < 99.95 ? "%.1f%s"
                                  : "%.0f%s",
                  value, unit.letter);
    return text;
  }
  return std::to_string(count);
}

std::string shortList(const std::vector<std::string> &words, std::size_t width) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string longer = text + (i ? " " : "") + words[i];
    std::string more = i + 1 < words.size() ? " +" + std::to_string(words.size() - i - 1) : "";
    if (longer.size() + more.size() > width && i > 0)
      return text + " +" + std::to_string(words.size() - i);
    text = longer;
  }
  return text;
}

std::string alignedTable(std::span<const TableColumn> columns,
                         const std::vector<std::vector<std::string>> &rows) {
  std::vector<std::size_t> widths;
  std::vector<std::string> titles;
  for (const TableColumn &column : columns) {
    titles.push_back(column.title);
    widths.push_back(column.title.size());
  }
  for (const auto &row : rows)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  std::string out;
  auto print = [&](const std::vector<std::string> &row) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      std::string pad(widths[i] - row[i].size(), ' ');
      line += (i ? "  " : "") + (columns[i].rightAligned ? pad + row[i] : row[i] + pad);
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  };
  print(titles);
  for (const auto &row : rows)
    print(row);
  return out;
}

} // namespace ftc::cli
