// The table of instruction sets: names, cpuid features, register tiles.
#include "compiler/targets/cpu/CpuIsa.h"

#include <algorithm>

namespace ftc::cpu {

const CpuIsa &isaV3() {
  static const CpuIsa isa{"x86-64-v3", "v3", "x86-64-v3", "", {"avx2", "fma"}, 8, 4, 3, false};
  return isa;
}

const CpuIsa &isaV4() {
  // prefer-512: the generic v4 tuning would split every vector into 256-bit halves.
  static const CpuIsa isa{"x86-64-v4",
                          "v4",
                          "x86-64-v4",
                          "-prefer-256-bit",
                          {"avx2", "fma", "avx512f", "avx512bw", "avx512dq", "avx512vl"},
                          16,
                          12,
                          2,
                          false};
  return isa;
}

const CpuIsa &isaV4Bf16() {
  static const CpuIsa isa = [] {
    CpuIsa with = isaV4();
    with.name += "-bf16";
    with.suffix += "bf16";
    with.llvmFeatures += ",+avx512bf16";
    with.features.push_back("avx512bf16");
    with.bf16Pairs = true;
    return with;
  }();
  return isa;
}

const char *weightTypeName(Elem elem) {
  return elem == Elem::BF16 ? "bf16_" : elem == Elem::F16 ? "f16_" : "";
}

const CpuIsa *findIsa(const std::string &name) {
  for (const CpuIsa *isa : {&isaV3(), &isaV4(), &isaV4Bf16()})
    if (isa->name == name)
      return isa;
  return nullptr;
}

int CpuIsa::panelWidth(std::int64_t out) const {
  return static_cast<int>(
      std::min<std::int64_t>(panelWidth(), (out + lanes - 1) / lanes * lanes));
}

std::int64_t packedElements(std::int64_t in, std::int64_t out, const CpuIsa &isa) {
  std::int64_t width = isa.panelWidth(out);
  return (out + width - 1) / width * in * width;
}

} // namespace ftc::cpu
