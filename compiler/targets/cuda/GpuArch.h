// The GPU architectures that kernels are compiled for. A warp is a vector register of 32 lanes,
// so that an architecture is described in the terms of the vector kernels (cpu::CpuIsa).
#pragma once

#include "compiler/targets/cpu/CpuIsa.h"

namespace ftc::cuda {

/// What the factors of linear layers' products are rounded to: nothing (multiply-adds in f32),
/// or what tensor cores take, with sums in f32.
enum class Products { F32, Tf32, Bf16 };
/// "fp32", "tf32", "bf16", as --precision says it.
const char *productsName(Products products);

struct GpuArch : cpu::CpuIsa {
  Products products = Products::F32;
};

/// The architecture called `name`, with such products, or null: "sm_80" (mma.sync, cp.async,
/// ldmatrix) and "sm_90", by the same instructions.
const GpuArch *findArch(const std::string &name, Products products);

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
