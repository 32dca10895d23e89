// Memory of the CPU devices: aligned, padded by the ABI's slack, in huge pages when large.
#pragma once

#include "runtime/devices/Device.h"

namespace ftc::rt {

/// `bytes` of memory at a 64-byte aligned address with kBufferSlack readable bytes beyond.
Result<DeviceBuffer> allocateCpuMemory(std::int64_t bytes, Contents contents);
void freeCpuMemory(DeviceBuffer buffer);

} // namespace ftc::rt
