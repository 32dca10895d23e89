// The CUDA device: kernels in PTX or machine code through the driver's interface.
#pragma once

#include "runtime/devices/Device.h"

namespace ftc::rt {

/// Device `ordinal` of this machine's CUDA driver. Without a driver or such a device, and on a
/// GPU below sm_80, an error in one line.
Result<std::shared_ptr<Device>> makeCudaDevice(int ordinal = 0);

} // namespace ftc::rt
