// The CPU devices: `cpu` runs each command at once on a thread pool; `cpu-async` queues all of
// them until synchronize and poisons memory, so that missing waits and stale reads show.
#pragma once

#include "runtime/devices/Device.h"

namespace ftc::rt {

/// The eager CPU device. `threads` 0 takes every core this process may use. Results of kernels
/// that keep the ABI's promise do not depend on `threads`.
Result<std::shared_ptr<Device>> makeCpuDevice(unsigned threads = 0);

/// The conformance device: as late as legal, tasks one by one in reverse order, fresh and freed
/// memory and scratch filled with NaN, writes beyond a buffer reported by synchronize. Slow.
Result<std::shared_ptr<Device>> makeAsyncCpuDevice();

/// Device by its command-line name: "cpu", "cpu-async", "cuda"; anything else is a Usage error that
/// names --device and those present.
Result<std::shared_ptr<Device>> makeDevice(std::string_view name, unsigned threads = 0);

} // namespace ftc::rt
