// Initialization, devices, contexts, errors.
#include "test/emulator/driver/State.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <thread>

using namespace ftc::rt::cuda;

namespace ftc::emulator {

static std::uint64_t environmentNumber(const char *name, std::uint64_t otherwise) {
  const char *text = std::getenv(name);
  return text && *text ? std::strtoull(text, nullptr, 10) : otherwise;
}

State &state() {
  static State *instance = new State; // outlives static destructors of the program
  return *instance;
}

bool State::isPinned(const void *address, std::size_t bytes) const {
  auto at = reinterpret_cast<std::uintptr_t>(address);
  auto after = pinned.upper_bound(at);
  if (after == pinned.begin())
    return false;
  --after;
  return at + bytes <= after->first + after->second;
}

static void readEnvironment(State &s) {
  const char *device = std::getenv("FTC_EMULATOR_DEVICE");
  s.device = device && std::strcmp(device, "sm_90") == 0 ? 90 : 80;
  s.memoryBytes = environmentNumber("FTC_EMULATOR_MEMORY", 16384) << 20;
  const char *report = std::getenv("FTC_EMULATOR_REPORT");
  s.reportPath = report ? report : "";
  s.options.cost = !s.reportPath.empty();
  s.options.adversarial = environmentNumber("FTC_EMULATOR_ADVERSARIAL", 0) != 0;
  s.options.seed = environmentNumber("FTC_EMULATOR_SEED", 1);
  unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  s.options.threads = static_cast<unsigned>(environmentNumber("FTC_EMULATOR_THREADS", cores));
  s.options.capability = s.device;
}

static void resetContext(State &s) {
  for (ModuleTag *module : s.modules)
    delete module;
  s.modules.clear();
  s.streams.clear();
  s.events.clear();
  s.defaultStream = StreamTag();
  s.memory.reset();
  s.sticky = kSuccess;
  s.current = nullptr;
}

Result refuse(Result code, std::string message) {
  state().message = std::move(message);
  return code;
}

static Result codeOf(FaultKind kind) {
  switch (kind) {
  case FaultKind::InvalidPtx:
    return kInvalidPtx;
  case FaultKind::Address:
    return kIllegalAddress;
  case FaultKind::Misaligned:
    return kMisalignedAddress;
  default:
    return kLaunchFailed;
  }
}

Result guarded(const std::function<Result()> &body, bool needsContext) {
  State &s = state();
  std::lock_guard lock(s.mutex);
  if (!s.initialized)
    return kNotInitialized;
  if (s.sticky != kSuccess)
    return s.sticky;
  if (needsContext && !s.current)
    return kInvalidContext;
  try {
    return body();
  } catch (const Fault &fault) {
    s.message = fault.message;
    Result code = codeOf(fault.kind);
    if (code != kInvalidPtx)
      s.sticky = code; // as on a GPU, nothing works from here on
    return code;
  }
}

struct CodeName {
  Result code;
  const char *name, *text;
};
static const CodeName kNames[] = {
    {kSuccess, "CUDA_SUCCESS", "no error"},
    {kInvalidValue, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {kOutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {kNotInitialized, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {kNoDevice, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {kInvalidDevice, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {kInvalidContext, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {kNoBinaryForGpu, "CUDA_ERROR_NO_BINARY_FOR_GPU",
     "no kernel image is available for execution on the device"},
    {kInvalidPtx, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {kInvalidHandle, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {kNotFound, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {kNotReady, "CUDA_ERROR_NOT_READY", "device not ready"},
    {kIllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {kMisalignedAddress, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {kLaunchFailed, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {kNotSupported, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {kCaptureUnsupported, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "operation not permitted when stream is capturing"},
    {kGraphUpdateFailure, "CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE",
     "the graph update was not performed"},
};
static const CodeName *nameOf(Result code) {
  for (const CodeName &entry : kNames)
    if (entry.code == code)
      return &entry;
  return nullptr;
}

} // namespace ftc::emulator

using namespace ftc::emulator;

extern "C" {

Result cuInit(unsigned flags) {
  State &s = state();
  std::lock_guard lock(s.mutex);
  if (flags != 0)
    return kInvalidValue;
  if (!s.initialized) {
    readEnvironment(s);
    std::atexit(writeReport);
  }
  s.initialized = true;
  return kSuccess;
}

Result cuDriverGetVersion(int *version) {
  *version = 13000;
  return kSuccess;
}

Result cuGetErrorName(Result code, const char **name) {
  const CodeName *entry = nameOf(code);
  *name = entry ? entry->name : nullptr;
  return entry ? kSuccess : kInvalidValue;
}

/// The text of CUDA's own or, for what last went wrong, all that the emulator knows about it.
Result cuGetErrorString(Result code, const char **text) {
  State &s = state();
  std::lock_guard lock(s.mutex);
  const CodeName *entry = nameOf(code);
  *text = entry ? entry->text : nullptr;
  if (code != kSuccess && !s.message.empty() && (code == s.sticky || s.sticky == kSuccess))
    *text = s.message.c_str();
  return entry ? kSuccess : kInvalidValue;
}

Result cuDeviceGetCount(int *count) {
  return guarded(
      [&] {
        *count = 1;
        return kSuccess;
      },
      false);
}

Result cuDeviceGet(DeviceIndex *device, int ordinal) {
  return guarded(
      [&]() -> Result {
        if (ordinal != 0)
          return kInvalidDevice;
        *device = 0;
        return kSuccess;
      },
      false);
}

Result cuDeviceGetName(char *name, int bytes, DeviceIndex) {
  return guarded(
      [&]() -> Result {
        if (bytes <= 0)
          return kInvalidValue;
        std::string text = "ftc emulator (sm_" + std::to_string(state().device) + ")";
        std::strncpy(name, text.c_str(), static_cast<std::size_t>(bytes));
        name[bytes - 1] = 0;
        return kSuccess;
      },
      false);
}

Result cuDeviceGetAttribute(int *value, int attribute, DeviceIndex) {
  return guarded(
      [&]() -> Result {
        bool hopper = state().device == 90;
        switch (attribute) {
        case kMaxThreadsPerBlock:
          *value = 1024;
          return kSuccess;
        case kMaxSharedPerBlock:
          *value = 48 * 1024;
          return kSuccess;
        case kWarpSize:
          *value = 32;
          return kSuccess;
        case kClockKilohertz:
          *value = hopper ? 1755000 : 1410000;
          return kSuccess;
        case kMultiprocessors:
          *value = hopper ? 132 : 108;
          return kSuccess;
        case kCapabilityMajor:
          *value = state().device / 10;
          return kSuccess;
        case kCapabilityMinor:
          *value = state().device % 10;
          return kSuccess;
        case kSharedPerMultiprocessor:
          *value = hopper ? 228 * 1024 : 164 * 1024;
          return kSuccess;
        case kRegistersPerMultiprocessor:
          *value = 65536;
          return kSuccess;
        case kMaxSharedPerBlockOptin:
          *value = hopper ? 227 * 1024 : 163 * 1024;
          return kSuccess;
        case kMemoryPoolsSupported:
          *value = 1;
          return kSuccess;
        default:
          return refuse(kInvalidValue,
                        "the emulator has no device attribute " + std::to_string(attribute));
        }
      },
      false);
}

Result cuDeviceTotalMem_v2(std::size_t *bytes, DeviceIndex) {
  return guarded(
      [&] {
        *bytes = state().memoryBytes;
        return kSuccess;
      },
      false);
}

Result cuDevicePrimaryCtxRetain(Context *context, DeviceIndex) {
  return guarded(
      [&] {
        State &s = state();
        if (s.retained++ == 0) {
          readEnvironment(s);
          s.memory = std::make_unique<DeviceMemory>(s.memoryBytes);
        }
        *context = &s.context;
        return kSuccess;
      },
      false);
}

Result cuDevicePrimaryCtxRelease_v2(DeviceIndex) {
  State &s = state();
  std::lock_guard lock(s.mutex);
  if (s.retained == 0)
    return kInvalidContext;
  if (--s.retained == 0)
    resetContext(s);
  return kSuccess;
}

Result cuCtxSetCurrent(Context context) {
  return guarded(
      [&] {
        state().current = context;
        return kSuccess;
      },
      false);
}

Result cuCtxSynchronize() {
  return guarded([&] {
    drainAll();
    return kSuccess;
  });
}

Result cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, Function function, int threads,
                                                   std::size_t sharedBytes) {
  return guarded([&]() -> Result {
    if (!function || threads <= 0)
      return kInvalidValue;
    *blocks = blocksPerMultiprocessor(*function->kernel, static_cast<std::uint32_t>(threads),
                                      static_cast<std::uint32_t>(sharedBytes), state().device);
    return kSuccess;
  });
}
}
