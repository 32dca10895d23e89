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

namespace {
/// What one call of ptxas left behind.
struct PtxasRun {
  int status;          ///< 0 if it made a cubin, below 0 if it did not run to its end
  std::string message; ///< of the system, where it did not run
  std::string report, cubin;
};
} // namespace

static llvm::Expected<PtxasRun> runPtxas(const std::string &ptxas, StringRef ptx,
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
  PtxasRun run;
  run.status = llvm::sys::ExecuteAndWait(ptxas, arguments, std::nullopt, redirects, 600, 0,
                                         &run.message);
  if (auto text = llvm::MemoryBuffer::getFile(log))
    run.report = (*text)->getBuffer().str();
  if (run.status != 0)
    return run;
  auto cubin = llvm::MemoryBuffer::getFile(output, /*IsText=*/false, false);
  if (!cubin)
    return failure("cannot read the cubin: " + cubin.getError().message());
  run.cubin = (*cubin)->getBuffer().str();
  return run;
}

/// ptxas's complaint: its first line of an error, before which there may be notes.
static StringRef complaintOf(StringRef report) {
  StringRef first = report.ltrim().split('\n').first, rest = report;
  while (!rest.empty()) {
    StringRef line;
    std::tie(line, rest) = rest.split('\n');
    if (line.contains("error") || line.contains("fatal"))
      return line.take_front(300);
  }
  return first.take_front(300);
}

/// The line of `ptx` that a complaint names: "ptxas FILE, line 12; error   : ...".
static StringRef lineNamed(StringRef complaint, StringRef ptx) {
  std::size_t at = complaint.find(", line ");
  unsigned number = 0;
  if (at == StringRef::npos || complaint.substr(at + 7).consumeInteger(10, number))
    return {};
  StringRef line;
  for (; number > 0 && !ptx.empty(); --number)
    std::tie(line, ptx) = ptx.split('\n');
  return number ? StringRef() : line.trim();
}

/// The module of `ptx` without a kernel: its version, target and address size.
static std::string emptyModule(StringRef ptx) {
  std::string header;
  while (!ptx.empty()) {
    StringRef line;
    std::tie(line, ptx) = ptx.split('\n');
    for (StringRef directive : {".version", ".target", ".address_size"})
      if (line.starts_with(directive))
        header += line.str() + "\n";
  }
  return header;
}

llvm::Expected<AssembledPtx> assemblePtx(const std::string &ptxas, const std::string &ptx,
                                         const GpuArch &arch) {
  llvm::Expected<PtxasRun> run = runPtxas(ptxas, ptx, arch);
  if (!run)
    return run.takeError();
  AssembledPtx assembled;
  if (run->status == 0) {
    assembled.cubin = std::move(run->cubin);
    assembled.kernels = readReport(run->report);
    return assembled;
  }
  std::string complaint =
      run->message.empty() ? complaintOf(run->report).str() : run->message;
  if (run->status < 0) { // killed, or out of time: says nothing of the PTX
    assembled.unsupported = "'" + ptxas + "' did not end: " + complaint;
    return assembled;
  }
  llvm::Expected<PtxasRun> probe = runPtxas(ptxas, emptyModule(ptx), arch);
  if (!probe)
    return probe.takeError();
  if (probe->status != 0) {
    assembled.unsupported = "'" + ptxas + "' takes no PTX like this: " + complaint;
    return assembled;
  }
  StringRef line = lineNamed(complaint, ptx);
  return failure("'" + ptxas + "' rejects the PTX of " + arch.name + ": " + complaint +
                 (line.empty() ? llvm::Twine() : ", which is '" + line + "'") +
                 "; put another ptxas first in PATH");
}

} // namespace ftc::cuda
