// The CPU instruction sets kernels are compiled for, and the register tile each one likes.
// One variant of an artifact is compiled for one of these.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ftc::cpu {

/// Element types in memory. BF16 and F16 are f32 in registers; F16 is only read.
enum class Elem { F32, F64, I32, BF16, F16 };
/// "", "bf16_", "f16_": what a kernel's name says of a weight's type.
const char *weightTypeName(Elem elem);

struct CpuIsa {
  std::string name;                  ///< "x86-64-v3", as written in the artifact
  std::string suffix;                ///< "v3", ends every kernel name
  std::string llvmCpu;               ///< the -mcpu of the code generator
  std::string llvmFeatures;          ///< additional -mattr, may be empty
  std::vector<std::string> features; ///< cpuid features the runtime checks
  int lanes;                         ///< f32 lanes of a vector register
  int tileRows;                      ///< rows of the main register tile (MR)
  int tileVectors;                   ///< vectors a tile row (NR / lanes)
  bool bf16Pairs;                    ///< products of bf16 pairs in one instruction (VDPBF16PS)

  /// Width of a packed weight panel, in elements (NR).
  int panelWidth() const { return tileVectors * lanes; }
  /// Width of the panels of W[out, in]: NR, or as many whole vectors as a narrower `out` takes
  /// (an adapter's rank, a head's labels).
  int panelWidth(std::int64_t out) const;
  /// Rows of the register tile over panels of that width: a panel of one vector takes more, so
  /// that as many sums are in flight.
  int rowsFor(int width) const { return width == lanes ? tileRows * tileVectors : tileRows; }
};

/// AVX2 + FMA: tiles of 4 x 24.
const CpuIsa &isaV3();
/// AVX-512 F/BW/CD/DQ/VL: tiles of 12 x 32.
const CpuIsa &isaV4();
/// The same with AVX-512 BF16: what a level's number does not say stands behind it.
const CpuIsa &isaV4Bf16();
/// The instruction set called `name` ("x86-64-v3", "x86-64-v4", "x86-64-v4-bf16"), or null.
const CpuIsa *findIsa(const std::string &name);

/// Elements of a linear weight W[out, in] in packed panels [ceil(out / width)][in][width].
std::int64_t packedElements(std::int64_t in, std::int64_t out, const CpuIsa &isa);

} // namespace ftc::cpu
