#include "runtime/devices/CudaDriver.h"

#include "runtime/support/Text.h"

#include <dlfcn.h>
#include <memory>

namespace ftc::rt::cuda {

static constexpr const char *kLibrary = "libcuda.so.1";

Status Driver::check(Result code, std::string_view call, std::string_view where) const {
  if (code == kSuccess)
    return Status::ok();
  const char *name = nullptr, *text = nullptr;
  if (getErrorName(code, &name) != kSuccess || !name)
    name = "an unknown error";
  if (getErrorString(code, &text) != kSuccess || !text)
    text = "";
  std::string message(call);
  if (!where.empty())
    message += " of " + std::string(where);
  message += ": " + escape(name, 80);
  if (*text)
    message += " (" + escape(text, 600) + ")";
  return Status::error(message);
}

/// What the library has under the names that we know, or which of them is missing.
static ftc::rt::Result<const Driver *> openDriver() {
  static Driver driver;
  void *library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *reason = dlerror();
    return Status::error(std::string("--device cuda: no CUDA driver on this machine (") +
                         escape(reason ? reason : kLibrary, 200) +
                         "): install NVIDIA's driver, or use --device cpu");
  }
  const char *missing = nullptr;
#define FTC_CUDA_FIND(name, symbol, parameters)                                                \
  driver.name = reinterpret_cast<decltype(driver.name)>(dlsym(library, #symbol));              \
  if (!driver.name && !missing)                                                                \
    missing = #symbol;
  FTC_CUDA_FUNCTIONS(FTC_CUDA_FIND)
#undef FTC_CUDA_FIND
  if (missing)
    return Status::error(std::string("--device cuda: this machine's ") + kLibrary + " has no " +
                         missing +
                         ": install a driver of CUDA 12.0 or later, or use --device cpu");
  int count = 0;
  Status ready = driver.check(driver.init(0), "cuInit");
  if (ready)
    ready = driver.check(driver.deviceGetCount(&count), "cuDeviceGetCount");
  if (!ready)
    return Status::error("--device cuda: " + ready.message() + ": use --device cpu");
  if (count == 0)
    return Status::error("--device cuda: the CUDA driver finds no device: use --device cpu");
  return static_cast<const Driver *>(&driver);
}

ftc::rt::Result<const Driver *> Driver::load() {
  static ftc::rt::Result<const Driver *> driver = openDriver();
  return driver;
}

} // namespace ftc::rt::cuda
