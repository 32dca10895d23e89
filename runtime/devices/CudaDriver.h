// The CUDA driver's interface as far as the runtime calls it: our own declarations of a stable
// C interface, found in libcuda.so.1 when a CUDA device is asked for. Nothing is linked.
#pragma once

#include "runtime/support/Status.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace ftc::rt::cuda {

using Result = int; // CUresult
using DeviceIndex = int;
using DevicePointer = std::uint64_t; // CUdeviceptr
using Context = struct ContextTag *;
using Module = struct ModuleTag *;
using Function = struct FunctionTag *;
using Stream = struct StreamTag *;
using Event = struct EventTag *;
using Graph = struct GraphTag *;
using GraphExec = struct GraphExecTag *;

// The values that we name, from cuda.h.
enum : Result {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNotInitialized = 3,
  kNoDevice = 100,
  kInvalidDevice = 101,
  kInvalidContext = 201,
  kNoBinaryForGpu = 209,
  kInvalidPtx = 218,
  kInvalidHandle = 400,
  kNotFound = 500,
  kNotReady = 600,
  kIllegalAddress = 700,
  kMisalignedAddress = 716,
  kLaunchFailed = 719,
  kNotSupported = 801,
  kCaptureUnsupported = 900,
  kGraphUpdateFailure = 910
};
enum : int { // CUdevice_attribute
  kMaxThreadsPerBlock = 1,
  kMaxSharedPerBlock = 8,
  kWarpSize = 10,
  kClockKilohertz = 13,
  kMultiprocessors = 16,
  kCapabilityMajor = 75,
  kCapabilityMinor = 76,
  kSharedPerMultiprocessor = 81,
  kRegistersPerMultiprocessor = 82,
  kMaxSharedPerBlockOptin = 97,
  kMemoryPoolsSupported = 115
};
enum : int { // CUfunction_attribute
  kFunctionMaxThreads = 0,
  kFunctionSharedBytes = 1,
  kFunctionLocalBytes = 3,
  kFunctionRegisters = 4,
  kFunctionMaxDynamicShared = 8
};
enum : int { // CUjit_option
  kJitErrorLog = 5,
  kJitErrorLogBytes = 6
};
enum : unsigned { kStreamNonBlocking = 1, kEventDisableTiming = 2 };

/// CUgraphExecUpdateResultInfo.
struct GraphUpdateInfo {
  int result;
  void *errorNode;
  void *errorFromNode;
};

/// X(name, exported symbol, parameters): the version of each that drivers of CUDA 12.0 to
/// 13 export.
#define FTC_CUDA_FUNCTIONS(X)                                                                  \
  X(init, cuInit, (unsigned flags))                                                            \
  X(driverGetVersion, cuDriverGetVersion, (int *version))                                      \
  X(getErrorName, cuGetErrorName, (Result code, const char **name))                            \
  X(getErrorString, cuGetErrorString, (Result code, const char **text))                        \
  X(deviceGetCount, cuDeviceGetCount, (int *count))                                            \
  X(deviceGet, cuDeviceGet, (DeviceIndex * device, int ordinal))                               \
  X(deviceGetName, cuDeviceGetName, (char *name, int bytes, DeviceIndex device))               \
  X(deviceGetAttribute, cuDeviceGetAttribute, (int *value, int attribute, DeviceIndex device)) \
  X(deviceTotalMem, cuDeviceTotalMem_v2, (std::size_t *bytes, DeviceIndex device))             \
  X(primaryCtxRetain, cuDevicePrimaryCtxRetain, (Context * context, DeviceIndex device))       \
  X(primaryCtxRelease, cuDevicePrimaryCtxRelease_v2, (DeviceIndex device))                     \
  X(ctxSetCurrent, cuCtxSetCurrent, (Context context))                                         \
  X(ctxSynchronize, cuCtxSynchronize, ())                                                      \
  X(moduleLoadDataEx, cuModuleLoadDataEx,                                                      \
    (Module * module, const void *image, unsigned options, int *names, void **values))         \
  X(moduleUnload, cuModuleUnload, (Module module))                                             \
  X(moduleGetFunction, cuModuleGetFunction,                                                    \
    (Function * function, Module module, const char *name))                                    \
  X(moduleGetGlobal, cuModuleGetGlobal_v2,                                                     \
    (DevicePointer * address, std::size_t *bytes, Module module, const char *name))            \
  X(funcSetAttribute, cuFuncSetAttribute, (Function function, int attribute, int value))       \
  X(funcGetAttribute, cuFuncGetAttribute, (int *value, int attribute, Function function))      \
  X(occupancy, cuOccupancyMaxActiveBlocksPerMultiprocessor,                                    \
    (int *blocks, Function function, int threads, std::size_t sharedBytes))                    \
  X(memAlloc, cuMemAlloc_v2, (DevicePointer * address, std::size_t bytes))                     \
  X(memFree, cuMemFree_v2, (DevicePointer address))                                            \
  X(memAllocAsync, cuMemAllocAsync,                                                            \
    (DevicePointer * address, std::size_t bytes, Stream stream))                               \
  X(memFreeAsync, cuMemFreeAsync, (DevicePointer address, Stream stream))                      \
  X(memGetInfo, cuMemGetInfo_v2, (std::size_t *free, std::size_t *total))                      \
  X(memHostAlloc, cuMemHostAlloc, (void **address, std::size_t bytes, unsigned flags))         \
  X(memFreeHost, cuMemFreeHost, (void *address))                                               \
  X(memcpyHtoD, cuMemcpyHtoD_v2, (DevicePointer to, const void *from, std::size_t bytes))      \
  X(memcpyDtoH, cuMemcpyDtoH_v2, (void *to, DevicePointer from, std::size_t bytes))            \
  X(memcpyHtoDAsync, cuMemcpyHtoDAsync_v2,                                                     \
    (DevicePointer to, const void *from, std::size_t bytes, Stream stream))                    \
  X(memcpyDtoHAsync, cuMemcpyDtoHAsync_v2,                                                     \
    (void *to, DevicePointer from, std::size_t bytes, Stream stream))                          \
  X(memcpyDtoDAsync, cuMemcpyDtoDAsync_v2,                                                     \
    (DevicePointer to, DevicePointer from, std::size_t bytes, Stream stream))                  \
  X(memsetD8Async, cuMemsetD8Async,                                                            \
    (DevicePointer to, unsigned char value, std::size_t bytes, Stream stream))                 \
  X(memsetD32Async, cuMemsetD32Async,                                                          \
    (DevicePointer to, unsigned value, std::size_t words, Stream stream))                      \
  X(streamCreate, cuStreamCreate, (Stream * stream, unsigned flags))                           \
  X(streamDestroy, cuStreamDestroy_v2, (Stream stream))                                        \
  X(streamSynchronize, cuStreamSynchronize, (Stream stream))                                   \
  X(streamQuery, cuStreamQuery, (Stream stream))                                               \
  X(streamWaitEvent, cuStreamWaitEvent, (Stream stream, Event event, unsigned flags))          \
  X(eventCreate, cuEventCreate, (Event * event, unsigned flags))                               \
  X(eventDestroy, cuEventDestroy_v2, (Event event))                                            \
  X(eventRecord, cuEventRecord, (Event event, Stream stream))                                  \
  X(eventSynchronize, cuEventSynchronize, (Event event))                                       \
  X(eventQuery, cuEventQuery, (Event event))                                                   \
  X(launchKernel, cuLaunchKernel,                                                              \
    (Function function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,       \
     unsigned blockY, unsigned blockZ, unsigned sharedBytes, Stream stream, void **parameters, \
     void **extra))                                                                            \
  X(streamBeginCapture, cuStreamBeginCapture_v2, (Stream stream, int mode))                    \
  X(streamEndCapture, cuStreamEndCapture, (Stream stream, Graph * graph))                      \
  X(graphInstantiate, cuGraphInstantiateWithFlags,                                             \
    (GraphExec * executable, Graph graph, unsigned long long flags))                           \
  X(graphExecUpdate, cuGraphExecUpdate_v2,                                                     \
    (GraphExec executable, Graph graph, GraphUpdateInfo * info))                               \
  X(graphLaunch, cuGraphLaunch, (GraphExec executable, Stream stream))                         \
  X(graphExecDestroy, cuGraphExecDestroy, (GraphExec executable))                              \
  X(graphDestroy, cuGraphDestroy, (Graph graph))

/// The driver's functions.
struct Driver {
#define FTC_CUDA_MEMBER(name, symbol, parameters) Result(*name) parameters = nullptr;
  FTC_CUDA_FUNCTIONS(FTC_CUDA_MEMBER)
#undef FTC_CUDA_MEMBER

  /// The driver of this machine, loaded once and initialized. Without one, or without a device,
  /// an error in one line that says which.
  static ftc::rt::Result<const Driver *> load();

  /// Ok for kSuccess; else "call: CODE_NAME (what it means)", and `where` behind the call.
  Status check(Result code, std::string_view call, std::string_view where = {}) const;
};

} // namespace ftc::rt::cuda
