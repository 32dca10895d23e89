// The table of architectures, and occupancy as the CUDA programming guide's tables give it.
#include "compiler/targets/cuda/GpuArch.h"

#include <algorithm>

namespace ftc::cuda {

const char *productsName(Products products) {
  switch (products) {
  case Products::F32:
    return "fp32";
  case Products::Tf32:
    return "tf32";
  case Products::Bf16:
    return "bf16";
  }
  return "fp32";
}

static GpuArch make(const char *name, const char *suffix, Products products) {
  GpuArch arch;
  arch.name = name;
  arch.suffix = suffix;
  if (products != Products::F32)
    arch.suffix += productsName(products);
  arch.llvmCpu = name;
  arch.llvmFeatures = "+ptx80";
  arch.lanes = 32;
  arch.tileRows = 6;
  arch.tileVectors = 2;
  arch.bf16Pairs = false; // no vector kernel multiplies pairs: tensor cores do
  arch.products = products;
  return arch;
}

const GpuArch *findArch(const std::string &name, Products products) {
  static const GpuArch all[] = {
      make("sm_80", "sm80", Products::F32),  make("sm_90", "sm90", Products::F32),
      make("sm_80", "sm80", Products::Tf32), make("sm_90", "sm90", Products::Tf32),
      make("sm_80", "sm80", Products::Bf16), make("sm_90", "sm90", Products::Bf16)};
  for (const GpuArch &arch : all)
    if (arch.name == name && arch.products == products)
      return &arch;
  return nullptr;
}

ArchLimits limitsOf(const GpuArch &arch) {
  if (arch.name == "sm_90")
    return {227 << 10, 228 << 10};
  return {163 << 10, 164 << 10};
}

int occupancyOf(const GpuArch &arch, int threads, int registers, std::int64_t sharedBytes) {
  ArchLimits limits = limitsOf(arch);
  int warps = (threads + 31) / 32;
  // Registers are given out to a warp in units of 256.
  int perWarp = (std::max(registers, 1) * 32 + 255) / 256 * 256;
  int blocks = std::min(limits.blocks, limits.warps / warps);
  blocks = std::min(blocks, limits.registers / perWarp / warps);
  blocks = std::min<std::int64_t>(blocks, limits.sharedPerUnit / (sharedBytes + 1024));
  return 100 * blocks * warps / limits.warps;
}

} // namespace ftc::cuda
