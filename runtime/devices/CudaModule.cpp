#include "runtime/devices/CudaModule.h"

#include "runtime/support/Text.h"

#include <memory>

namespace ftc::rt {

namespace {
class CudaModule final : public Module {
public:
  CudaModule(const cuda::Driver &driver, cuda::Module module)
      : driver(driver), module(module) {}
  ~CudaModule() override { driver.moduleUnload(module); }
  KernelHandle kernel(std::size_t index) const override {
    return {const_cast<CudaKernel *>(kernels[index].get()), 0};
  }

  const cuda::Driver &driver;
  cuda::Module module;
  std::vector<std::unique_ptr<CudaKernel>> kernels;
};

constexpr std::int64_t kMaxThreads = 1024;
constexpr std::size_t kLogBytes = 4096;
} // namespace

/// PTX is text; the driver wants it to end with a zero byte.
static Result<std::string> checkedPtx(std::span<const std::uint8_t> ptx) {
  std::string text(ptx.begin(), ptx.end());
  while (!text.empty() && text.back() == '\0')
    text.pop_back();
  if (text.find('\0') != text.npos || text.find(".version") == text.npos ||
      text.find(".target") == text.npos)
    return Status::error("the artifact's code is no PTX: compile it again");
  return text;
}

static Result<cuda::Module> loadImage(const cuda::Driver &driver,
                                      std::span<const std::uint8_t> ptx,
                                      std::span<const std::uint8_t> cubin) {
  cuda::Module module = nullptr;
  if (cubin.size() >= 64) { // an ELF header, which the driver checks
    std::vector<std::uint8_t> copy(cubin.begin(), cubin.end());
    if (driver.moduleLoadDataEx(&module, copy.data(), 0, nullptr, nullptr) == cuda::kSuccess)
      return module;
    // For another GPU: the driver compiles the PTX.
  }
  FTC_ASSIGN_OR_RETURN(std::string text, checkedPtx(ptx));
  std::string log(kLogBytes, '\0');
  int names[] = {cuda::kJitErrorLog, cuda::kJitErrorLogBytes};
  void *values[] = {log.data(), reinterpret_cast<void *>(log.size())};
  cuda::Result code = driver.moduleLoadDataEx(&module, text.c_str(), 2, names, values);
  if (code == cuda::kSuccess)
    return module;
  log.resize(log.find('\0') == log.npos ? log.size() : log.find('\0'));
  std::string message = driver.check(code, "cuModuleLoadDataEx").message();
  if (!log.empty() && message.find(log) == message.npos)
    message += ": " + escape(log, 400);
  return Status::error(message + ": compile the artifact again, or update the driver");
}

/// `sharedLimit`: bytes of shared memory that the device gives a block at most.
static Status prepare(const cuda::Driver &driver, std::int64_t sharedLimit,
                      const KernelSpec &spec, CudaKernel &kernel) {
  if (spec.threads < 1 || spec.threads > kMaxThreads || spec.sharedBytes < 0 ||
      spec.sharedBytes > INT32_MAX)
    return Status::error("kernel " + quote(kernel.name) + " wants " +
                         std::to_string(spec.threads) + " threads a block and " +
                         std::to_string(spec.sharedBytes) +
                         " bytes of shared memory: compile the artifact again");
  if (spec.sharedBytes > sharedLimit)
    return Status::error("kernel " + quote(kernel.name) + " wants " +
                         std::to_string(spec.sharedBytes) +
                         " bytes of shared memory a block, this device has " +
                         std::to_string(sharedLimit) +
                         ": compile for this GPU (--gpu), or a shorter --max_seq_length");
  kernel.threads = static_cast<unsigned>(spec.threads);
  kernel.sharedBytes = static_cast<unsigned>(spec.sharedBytes);
  if (spec.sharedBytes > 0)
    FTC_RETURN_IF_ERROR(
        driver.check(driver.funcSetAttribute(kernel.function, cuda::kFunctionMaxDynamicShared,
                                             static_cast<int>(spec.sharedBytes)),
                     "cuFuncSetAttribute", "kernel " + quote(kernel.name)));
  int most = 0;
  FTC_RETURN_IF_ERROR(
      driver.check(driver.funcGetAttribute(&most, cuda::kFunctionMaxThreads, kernel.function),
                   "cuFuncGetAttribute", "kernel " + quote(kernel.name)));
  if (spec.threads > most)
    return Status::error("kernel " + quote(kernel.name) + " wants " +
                         std::to_string(spec.threads) + " threads a block, this device runs " +
                         std::to_string(most) + " of it: compile for this GPU");
  return Status::ok();
}

Result<std::unique_ptr<Module>> loadCudaModule(const cuda::Driver &driver, std::int64_t sharedLimit,
                                               std::span<const std::uint8_t> ptx,
                                               std::span<const std::uint8_t> cubin,
                                               std::span<const KernelSpec> kernels) {
  FTC_ASSIGN_OR_RETURN(cuda::Module handle, loadImage(driver, ptx, cubin));
  auto module = std::make_unique<CudaModule>(driver, handle);
  for (const KernelSpec &spec : kernels) {
    auto kernel = std::make_unique<CudaKernel>();
    kernel->name = spec.name;
    if (spec.grouped) {
      module->kernels.push_back(std::move(kernel));
      continue;
    }
    if (driver.moduleGetFunction(&kernel->function, handle, kernel->name.c_str()) !=
        cuda::kSuccess)
      return Status::error("the artifact's code has no kernel " + quote(spec.name) +
                           ": compile it again");
    FTC_RETURN_IF_ERROR(prepare(driver, sharedLimit, spec, *kernel));
    module->kernels.push_back(std::move(kernel));
  }
  return std::unique_ptr<Module>(std::move(module));
}

} // namespace ftc::rt
