// Small kernels as text, and the sample kernels with their inputs.
#pragma once

#include "test/emulator/Harness.h"

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <string>

namespace ftc::emulator {

/// A kernel `k` of parameters p0 to p3 around `body`, with registers %p, %rs, %r, %rd, %f, %fd
/// of 60 each; %rd0 to %rd3 hold the parameters, %r0 the thread, %r1 the block, %r2 the
/// thread's number over all blocks. `$DONE` ends it.
inline std::string kernelText(const std::string &body, const std::string &variables = "",
                              const std::string &target = "sm_80") {
  return ".version 8.0\n.target " + target + "\n.address_size 64\n" + variables +
         "\n.visible .entry k(.param .u64 p0, .param .u64 p1, .param .u64 p2, .param .u64 "
         "p3)\n{\n"
         "  .reg .pred %p<60>;\n  .reg .b16 %rs<60>;\n  .reg .b32 %r<60>;\n"
         "  .reg .b64 %rd<60>;\n  .reg .f32 %f<60>;\n  .reg .f64 %fd<60>;\n"
         "  ld.param.u64 %rd0, [p0];\n  ld.param.u64 %rd1, [p1];\n  ld.param.u64 %rd2, [p2];\n"
         "  ld.param.u64 %rd3, [p3];\n"
         "  mov.u32 %r0, %tid.x;\n  mov.u32 %r1, %ctaid.x;\n  mov.u32 %r2, %ntid.x;\n"
         "  mad.lo.s32 %r2, %r1, %r2, %r0;\n" +
         body + "\n$DONE:\n  ret;\n}\n";
}

/// Loads lane values: %rd10 + 4 * %r2 and so on, for bodies: address of element %r2 of `size`
/// bytes from parameter register `base` into `to`.
inline std::string elementAddress(const std::string &to, const std::string &base, int size) {
  return "  mul.wide.u32 " + to + ", %r2, " + std::to_string(size) + ";\n  add.s64 " + to +
         ", " + to + ", " + base + ";\n";
}

inline std::string readText(const std::string &path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}
inline std::string sampleText(const std::string &name) {
  return readText(std::string(FTC_EMULATOR_DIR) + "/samples/" + name + ".ptx");
}

/// Whether the tests that take minutes run.
inline bool longTests() { return std::getenv("FTC_LONG") != nullptr; }

/// A sample kernel with inputs of several sizes: runs `ptx` and gives everything it wrote.
/// Throws Fault.
struct Sample {
  std::string name;
  std::function<std::vector<std::uint32_t>(const std::string &ptx, std::uint64_t seed)> run;
};

std::vector<Sample> samples();

} // namespace ftc::emulator
