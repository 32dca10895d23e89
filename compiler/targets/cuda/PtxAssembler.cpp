// Runs ptxas -v on a temporary file and reads its report.
#include "compiler/targets/cuda/PtxAssembler.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

namespace ftc::cuda {

using llvm::StringRef;

static llvm::Error failure(const llvm::Twine &message) {
  return llvm::createStringError("cuda kernels: " + message);
}

std::optional<std::string> findPtxas() {
  if (llvm::ErrorOr<std::string> found = llvm::sys::findProgramByName("ptxas"))
    return *found;
  for (const char *path : {"/usr/local/cuda/bin/ptxas", "/usr/local/bin/ptxas"})
    if (llvm::sys::fs::can_execute(path))
      return path;
  return std::nullopt;
}

/// The number before `what` in a line: "32 bytes stack frame, 0 bytes spill stores".
static std::int64_t numberBefore(StringRef line, StringRef what) {
  std::size_t at = line.find(what);
  if (at == StringRef::npos)
    return 0;
  StringRef before = line.take_front(at).rtrim();
  StringRef digits =
      before.take_back(before.size() - (before.find_last_not_of("0123456789") + 1));
  std::int64_t value = 0;
  return digits.getAsInteger(10, value) ? 0 : value;
}

/// ptxas's report: a line that names a kernel, then lines of its resources.
static std::map<std::string, KernelResources> readReport(StringRef report) {
  std::map<std::string, KernelResources> kernels;
  KernelResources *current = nullptr;
  while (!report.empty()) {
    StringRef line;
    std::tie(line, report) = report.split('\n');
    for (StringRef opening : {"Compiling entry function '", "Function properties for "})
      if (std::size_t at = line.find(opening); at != StringRef::npos)
        current = &kernels[line.substr(at + opening.size()).split('\'').first.trim().str()];
    if (!current)
      continue;
    if (line.contains(" bytes stack frame")) {
      current->stackBytes = numberBefore(line, " bytes stack frame");
      current->spillBytes =
          numberBefore(line, " bytes spill stores") + numberBefore(line, " bytes spill loads");
    }
    if (line.contains(" registers"))
      current->registers = static_cast<int>(numberBefore(line, " registers"));
  }
  return kernels;
}

llvm::Expected<AssembledPtx> assemblePtx(const std::string &ptxas, const std::string &ptx,
                                         const GpuArch &arch) {
  llvm::SmallString<128> input, output, log;
  int descriptor = -1;
  if (auto error = llvm::sys::fs::createTemporaryFile("ftc-kernels", "ptx", descriptor, input))
    return failure("cannot create a temporary file: " + error.message());
  llvm::FileRemover removeInput(input);
  {
    llvm::raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
    stream << ptx;
    stream.flush();
    if (stream.has_error()) {
      std::string message = stream.error().message();
      stream.clear_error();
      return failure("cannot write '" + input + "': " + message);
    }
  }
  if (auto error = llvm::sys::fs::createTemporaryFile("ftc-kernels", "cubin", output))
    return failure("cannot create a temporary file: " + error.message());
  llvm::FileRemover removeOutput(output);
  if (auto error = llvm::sys::fs::createTemporaryFile("ftc-kernels", "log", log))
    return failure("cannot create a temporary file: " + error.message());
  llvm::FileRemover removeLog(log);
  std::string target = "-arch=" + arch.name;
  std::vector<StringRef> arguments{ptxas, "-v", target, "-o", output.str(), input.str()};
  std::optional<StringRef> redirects[] = {StringRef(), log.str(), log.str()};
  std::string message;
  int status =
      llvm::sys::ExecuteAndWait(ptxas, arguments, std::nullopt, redirects, 600, 0, &message);
  auto text = llvm::MemoryBuffer::getFile(log);
  StringRef report = text ? (*text)->getBuffer() : StringRef();
  if (status != 0) {
    if (message.empty())
      message = report.split('\n').first.take_front(300).str();
    return failure("'" + ptxas + "' failed: " + message);
  }
  auto cubin = llvm::MemoryBuffer::getFile(output, /*IsText=*/false, false);
  if (!cubin)
    return failure("cannot read the cubin: " + cubin.getError().message());
  return AssembledPtx{(*cubin)->getBuffer().str(), readReport(report)};
}

} // namespace ftc::cuda
