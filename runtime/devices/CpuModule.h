// Makes a variant's shared object executable: checked ELF, sealed memory file, dlopen.
#pragma once

#include "runtime/devices/Device.h"

namespace ftc::rt {

/// Refuses an object that is not a plain x86-64 shared object: program headers out of range,
/// pages both writable and executable, an executable stack, needed libraries, or code that
/// runs on loading.
Status checkElf(std::span<const std::uint8_t> object);

/// checkElf, then maps the object from a sealed memory file and finds every kernel.
Result<std::unique_ptr<Module>> loadCpuModule(std::span<const std::uint8_t> object,
                                              std::span<const KernelSpec> kernels);

} // namespace ftc::rt
