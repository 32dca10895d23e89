// Memory of the CPU devices: aligned, padded by the ABI's slack, in huge pages when large.
#pragma once

#include "runtime/devices/Device.h"

#include <cstddef>
#include <span>

namespace ftc::rt {

/// `bytes` of memory at a 64-byte aligned address with kBufferSlack readable bytes beyond.
Result<DeviceBuffer> allocateCpuMemory(std::int64_t bytes, Contents contents);
void freeCpuMemory(DeviceBuffer buffer);

/// Asks that the pages wholly in a part of such memory, which nothing has touched yet, stay small:
/// of a table that is written here and there only those pages are then taken.
void keepSmallPages(std::span<std::byte> part);

} // namespace ftc::rt
