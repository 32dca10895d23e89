// Kernels of a variant on a CUDA device.
#pragma once

#include "runtime/devices/CudaDriver.h"
#include "runtime/devices/Device.h"

#include <string>
#include <vector>

namespace ftc::rt {

/// What a KernelHandle of a CUDA device points to.
struct CudaKernel {
  cuda::Function function = nullptr;
  std::string name;
  unsigned threads = 0, sharedBytes = 0;
};

/// Loads `cubin` where the device takes it, else `ptx`; finds every kernel and reserves its
/// shared memory. Errors name what is wrong and the kernel.
Result<std::unique_ptr<Module>> loadCudaModule(const cuda::Driver &driver, std::int64_t sharedLimit,
                                               std::span<const std::uint8_t> ptx,
                                               std::span<const std::uint8_t> cubin,
                                               std::span<const KernelSpec> kernels);

} // namespace ftc::rt
