// Links a kernel object to a shared object by running ld.lld: LLVM's packages carry lld as a
// program only. It lies beside an installed ftc (the wheel's), where it was at configure time, or
// on PATH.
#include "compiler/targets/cpu/KernelCompiler.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

#include <unistd.h>

namespace ftc::cpu {

static llvm::Error failure(const llvm::Twine &message) {
  return llvm::createStringError("cpu kernels: " + message);
}

/// PREFIX/lib/ftc of this PREFIX/bin/ftc.
static std::string bundle() {
  static const int anchor = 0;
  llvm::SmallString<256> path(
      llvm::sys::fs::getMainExecutable("ftc", const_cast<int *>(&anchor)));
  llvm::sys::path::remove_filename(path);
  llvm::sys::path::append(path, "..", "lib", "ftc");
  return path.str().str();
}

static llvm::Expected<std::string> findLinker() {
  if (std::string bundled = bundle() + "/bin/ld.lld"; llvm::sys::fs::can_execute(bundled))
    return bundled;
  if (llvm::sys::fs::can_execute(FTC_LLD_PATH))
    return std::string(FTC_LLD_PATH);
  for (const char *name : {"ld.lld-22", "ld.lld"})
    if (llvm::ErrorOr<std::string> found = llvm::sys::findProgramByName(name))
      return *found;
  return failure("expected the linker ld.lld (LLVM 22) at '" FTC_LLD_PATH
                 "' or in PATH, got neither; install lld-22");
}

static llvm::Error temporaryFailure(std::error_code error) {
  llvm::SmallString<128> folder;
  llvm::sys::path::system_temp_directory(/*ErasedOnReboot=*/true, folder);
  return failure("cannot create a temporary file in '" + folder + "': " + error.message() +
                 "; TMPDIR names another folder");
}

llvm::Expected<std::string> linkKernels(const std::string &object) {
  llvm::Expected<std::string> linker = findLinker();
  if (!linker)
    return linker.takeError();
  llvm::SmallString<128> input, output, log;
  int descriptor = -1;
  if (auto error = llvm::sys::fs::createTemporaryFile("ftc-kernels", "o", descriptor, input))
    return temporaryFailure(error);
  llvm::FileRemover removeInput(input);
  {
    llvm::raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
    stream << object;
    stream.flush();
    if (stream.has_error()) {
      std::string message = stream.error().message();
      stream.clear_error();
      return failure("cannot write '" + input + "': " + message);
    }
  }
  if (auto error = llvm::sys::fs::createTemporaryFile("ftc-kernels", "so", output))
    return temporaryFailure(error);
  llvm::FileRemover removeOutput(output);
  if (auto error = llvm::sys::fs::createTemporaryFile("ftc-kernels", "log", log))
    return temporaryFailure(error);
  llvm::FileRemover removeLog(log);

  std::vector<llvm::StringRef> arguments{*linker,
                                         "-shared",
                                         "--no-undefined",
                                         "--build-id=none",
                                         "--hash-style=gnu",
                                         "-z",
                                         "noexecstack",
                                         "-z",
                                         "relro",
                                         "-z",
                                         "now",
                                         "--strip-all",
                                         "--threads=1",
                                         "-soname",
                                         "ftc-kernels.so",
                                         "-o",
                                         output.str(),
                                         input.str()};
  // A bundled linker's libraries lie beside it, and so do those that they need.
  std::vector<std::string> variables;
  std::optional<std::vector<llvm::StringRef>> environment;
  if (linker->rfind(bundle(), 0) == 0) {
    for (char **variable = environ; *variable; ++variable)
      if (!llvm::StringRef(*variable).starts_with("LD_LIBRARY_PATH="))
        variables.push_back(*variable);
    variables.push_back("LD_LIBRARY_PATH=" + bundle() + "/lib");
    environment.emplace(variables.begin(), variables.end());
  }
  std::optional<llvm::ArrayRef<llvm::StringRef>> childEnvironment;
  if (environment)
    childEnvironment = *environment;
  std::optional<llvm::StringRef> redirects[] = {llvm::StringRef(), log.str(), log.str()};
  std::string message;
  int status =
      llvm::sys::ExecuteAndWait(*linker, arguments, childEnvironment, redirects, 120, 0, &message);
  if (status != 0) {
    if (auto text = llvm::MemoryBuffer::getFile(log); text && message.empty())
      message = (*text)->getBuffer().take_front(300).str();
    return failure("'" + *linker + "' failed: " + message);
  }
  auto linked = llvm::MemoryBuffer::getFile(output, /*IsText=*/false, false);
  if (!linked)
    return failure("cannot read the linked object: " + linked.getError().message());
  return (*linked)->getBuffer().str();
}

} // namespace ftc::cpu
