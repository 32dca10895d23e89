// Links a kernel object to a shared object by running ld.lld: LLVM's packages carry lld as a
// program only. The path is found at configure time; PATH is asked when it has moved.
#include "compiler/targets/cpu/KernelCompiler.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

namespace ftc::cpu {

static llvm::Error failure(const llvm::Twine &message) {
  return llvm::createStringError("cpu kernels: " + message);
}

static llvm::Expected<std::string> findLinker() {
  if (llvm::sys::fs::can_execute(FTC_LLD_PATH))
    return std::string(FTC_LLD_PATH);
  for (const char *name : {"ld.lld-22", "ld.lld"})
    if (llvm::ErrorOr<std::string> found = llvm::sys::findProgramByName(name))
      return *found;
  return failure("expected the linker ld.lld (LLVM 22) at '" FTC_LLD_PATH
                 "' or in PATH, got neither; install lld-22");
}

llvm::Expected<std::string> linkKernels(const std::string &object) {
  llvm::Expected<std::string> linker = findLinker();
  if (!linker)
    return linker.takeError();
  llvm::SmallString<128> input, output, log;
  int descriptor = -1;
  if (auto error = llvm::sys::fs::createTemporaryFile("ftc-kernels", "o", descriptor, input))
    return failure("cannot create a temporary file: " + error.message());
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
    return failure("cannot create a temporary file: " + error.message());
  llvm::FileRemover removeOutput(output);
  if (auto error = llvm::sys::fs::createTemporaryFile("ftc-kernels", "log", log))
    return failure("cannot create a temporary file: " + error.message());
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
  std::optional<llvm::StringRef> redirects[] = {llvm::StringRef(), log.str(), log.str()};
  std::string message;
  int status =
      llvm::sys::ExecuteAndWait(*linker, arguments, std::nullopt, redirects, 120, 0, &message);
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
