// ftc: the compiler's command line.
#include "runtime/support/Version.h"
#include "tools/flags/FlagSet.h"
#include "tools/ftc/Commands.h"

#include <cstdio>
#include <vector>

using namespace ftc;

static const char *const kUsage =
    "usage: ftc COMMAND …\n\n"
    "  compile MODEL --task TASK -o step.ftb   a checkpoint becomes a compiled fine-tuning step\n"
    "  inspect step.ftb                        what is in one\n"
    "  assess MODEL… --task TASK               whether fine-tuning on a data set pays\n"
    "  catalog list | show MODEL | pull MODEL  models to fine-tune\n\n"
    "ftc COMMAND --help lists a command's flags; --version prints the version.\n";

static rt::Status dispatch(const std::vector<std::string> &arguments, int &verdictCode) {
  static const std::string known[] = {"assess", "catalog", "compile", "inspect"};
  if (arguments.empty())
    return rt::Status::usage(
        "expected a command: assess, catalog, compile or inspect; see ftc --help");
  std::span<const std::string> rest(arguments.begin() + 1, arguments.end());
  const std::string &command = arguments[0];
  if (command == "compile")
    return cli::compileCommand(rest);
  if (command == "inspect")
    return cli::inspectCommand(rest);
  if (command == "catalog")
    return cli::catalogCommand(rest);
  if (command == "assess")
    return cli::assessCommand(rest, verdictCode);
  return cli::unknownCommand("ftc", command, known);
}

int main(int argc, char **argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!arguments.empty() && (arguments[0] == "--help" || arguments[0] == "-h")) {
    std::fputs(kUsage, stdout);
    return cli::exitCode("ftc", {});
  }
  if (!arguments.empty() && arguments[0] == "--version") {
    std::printf("%s\n", cli::versionLine("ftc").c_str());
    return cli::exitCode("ftc", {});
  }
  int verdictCode = 0;
  int code = cli::exitCode("ftc", dispatch(arguments, verdictCode));
  return code ? code : verdictCode;
}
