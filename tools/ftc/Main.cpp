// ftc: the compiler's command line.
#include "runtime/support/Version.h"
#include "tools/flags/FlagSet.h"
#include "tools/flags/Process.h"
#include "tools/ftc/Commands.h"

#include <llvm/Support/ErrorHandling.h>

#include <cstdio>
#include <new>
#include <unistd.h>
#include <vector>

using namespace ftc;

static const char *const kUsage =
    "usage: ftc COMMAND …\n\n"
    "  compile MODEL --task TASK -o step.ftb   a checkpoint becomes a compiled fine-tuning "
    "step\n"
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

/// Neither LLVM nor code without exceptions can go on; what is half done has no name yet.
[[noreturn]] static void outOfMemory() {
  static const char line[] = "ftc: out of memory: raise the limit (ulimit -v), or compile with "
                             "a smaller --max_tokens\n";
  [[maybe_unused]] auto written = ::write(STDERR_FILENO, line, sizeof line - 1);
  ::_exit(1);
}

int main(int argc, char **argv) {
  cli::prepareProcess();
  std::set_new_handler(outOfMemory);
  llvm::install_bad_alloc_error_handler([](void *, const char *, bool) { outOfMemory(); });
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
