// The GPU architectures that kernels are compiled for. A warp is a vector register of 32 lanes,
// so that an architecture is described in the terms of the vector kernels (cpu::CpuIsa).
#pragma once

#include "compiler/targets/cpu/CpuIsa.h"

namespace ftc::cuda {

struct GpuArch : cpu::CpuIsa {
  bool bf16Products = false; ///< products of linear layers take factors rounded to bf16
};

/// The architecture called `name`, with bf16 products or without, or null: "sm_80" (mma.sync,
/// cp.async, ldmatrix) and "sm_90", by the same instructions.
const GpuArch *findArch(const std::string &name, bool bf16);

/// What a lowering for a GPU is told as the instruction set.
inline const GpuArch &archOf(const cpu::CpuIsa &isa) {
  return static_cast<const GpuArch &>(isa);
}

/// Limits of a multiprocessor that decide how many blocks it runs at once.
struct ArchLimits {
  std::int64_t sharedPerBlock; ///< bytes a block may ask for
  std::int64_t sharedPerUnit;  ///< bytes of a multiprocessor, 1024 a block of it reserved
  int registers = 65536;       ///< 32-bit, of a multiprocessor
  int warps = 64;
  int blocks = 32;
};
ArchLimits limitsOf(const GpuArch &arch);

/// Share of a multiprocessor's warps that blocks of `threads` threads can keep, in percent.
int occupancyOf(const GpuArch &arch, int threads, int registers, std::int64_t sharedBytes);

} // namespace ftc::cuda
