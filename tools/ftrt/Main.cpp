// ftrt: the runtime's command line. Results go to stdout or files, all else to stderr; the
// last line there explains a failure.
#include "tools/ftrt/Commands.h"

#include "runtime/support/Version.h"
#include "tools/flags/Process.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <vector>

using namespace ftc;

namespace {

struct Command {
  const char *name;
  rt::Status (*run)(cli::Arguments);
  const char *summary;
};

constexpr Command kCommands[] = {
    {"run", cli::runCommand, "fine-tune: step.ftb --train_file F --output_dir D"},
    {"eval", cli::evalCommand, "metrics of a fine-tuned model: D --test_file T"},
    {"predict", cli::predictCommand, "labels for new texts: D --input_file I"},
    {"export", cli::exportCommand, "write a model directory: D --to HF_DIR"},
    {"check-data", cli::checkDataCommand, "all that is wrong with data files: FILE --task T"},
    {"tokenize", cli::tokenizeCommand, "ids and offsets: MODEL_OR_D --input_file F --json"},
    {"devices", cli::devicesCommand, "what this machine can run"},
    {"bench", cli::benchCommand, "time the programs of an artifact: step.ftb"},
};

void printUsage() {
  std::puts("usage: ftrt COMMAND ...\nRuns training steps that ftc compiled.\n");
  for (const Command &command : kCommands)
    std::printf("  %-10s %s\n", command.name, command.summary);
  std::puts("\n'ftrt COMMAND --help' lists a command's flags; --version prints the version.");
}

rt::Status dispatch(const std::vector<std::string> &arguments) {
  std::vector<std::string> names;
  for (const Command &command : kCommands)
    names.push_back(command.name);
  if (arguments.empty())
    return cli::unknownCommand("ftrt", "", names);
  const std::string &name = arguments[0];
  if (name == "--help" || name == "-h" || name == "help") {
    printUsage();
    return rt::Status::ok();
  }
  if (name == "--version") {
    std::printf("%s\n", cli::versionLine("ftrt").c_str());
    return rt::Status::ok();
  }
  for (const Command &command : kCommands)
    if (name == command.name)
      return command.run(std::span(arguments).subspan(1));
  return cli::unknownCommand("ftrt", name, names);
}

} // namespace

int main(int argc, char **argv) {
  cli::prepareProcess();
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  try {
    return cli::exitCode("ftrt", dispatch(arguments));
  } catch (const std::bad_alloc &) {
    return cli::exitCode("ftrt", rt::Status::error("out of memory"));
  } catch (const std::exception &error) {
    return cli::exitCode("ftrt",
                         rt::Status::error(std::string("internal error: ") + error.what()));
  }
}
