// Every check, proven by a kernel that is wrong in that one way.
#include "test/emulator/suite/Samples.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace ftc::emulator {
namespace {

const char *const kShared = ".shared .align 16 .b8 data[256];\n";

/// p0: 1024 written bytes; p1: 1024 bytes never written.
Fault faultOf(const std::string &body, const std::string &variables = kShared,
              std::uint32_t grid = 2, std::uint32_t block = 64, std::uint64_t seed = 1) {
  TestGpu gpu(1 << 22);
  gpu.options.threads = 1;
  gpu.options.seed = seed;
  gpu.load(kernelText(body, variables));
  std::uint64_t freed = gpu.reserve(64);
  std::uint64_t written = gpu.upload(std::vector<std::uint32_t>(256, 1));
  std::uint64_t fresh = gpu.reserve(1024);
  gpu.memory.release(freed);
  try {
    gpu.launch("k", grid, block, {written, fresh, freed, 0});
  } catch (const Fault &fault) {
    return fault;
  }
  return {FaultKind::Other, "no fault"};
}

void expectFault(const char *what, const Fault &fault, FaultKind kind,
                 std::initializer_list<const char *> parts) {
  EXPECT_EQ(static_cast<int>(fault.kind), static_cast<int>(kind))
      << what << ": " << fault.message;
  for (const char *part : parts)
    EXPECT_NE(fault.message.find(part), std::string::npos) << what << ": " << fault.message;
  EXPECT_NE(fault.message.find("kernel 'k', line "), std::string::npos) << fault.message;
  EXPECT_EQ(fault.message.find('\n'), std::string::npos);
}

const std::string kAddress =
    elementAddress("%rd10", "%rd0", 4) + elementAddress("%rd11", "%rd1", 4);
const std::string kSharedAddress = "  mov.u32 %r10, data;\n  shl.b32 %r11, %r0, 2;\n"
                                   "  add.s32 %r12, %r10, %r11;\n";

TEST(Checks, BoundsAndLivenessOfGlobalMemory) {
  expectFault("beyond", faultOf(kAddress + "  ld.global.u32 %r20, [%rd10+1000];\n"),
              FaultKind::Address,
              {"beyond an allocation of 1024 bytes", "block (", "thread ("});
  expectFault("before", faultOf(kAddress + "  st.global.u32 [%rd0+-4], %r0;\n"),
              FaultKind::Address, {"st.global.u32"});
  expectFault("freed", faultOf("  ld.global.u32 %r20, [%rd2];\n"), FaultKind::Address,
              {"a freed allocation of 64 bytes"});
  expectFault("null", faultOf("  ld.global.u32 %r20, [%rd3];\n"), FaultKind::Address,
              {"in no allocation"});
  expectFault("constant",
              faultOf("  mov.u64 %rd10, table;\n  st.global.u32 [%rd10], %r0;\n",
                      ".const .align 4 .b32 table[2] = {1, 2};\n"),
              FaultKind::Address, {"constant memory"});
}

TEST(Checks, BoundsOfSharedAndLocalMemory) {
  expectFault("beyond", faultOf("  mov.u32 %r10, data;\n  st.shared.u32 [%r10+256], %r0;\n"),
              FaultKind::Address, {"shared memory, which has 256 bytes"});
  expectFault("null", faultOf("  mov.u32 %r10, 0;\n  st.shared.u32 [%r10], %r0;\n"),
              FaultKind::Address, {"shared memory"});
  expectFault("local",
              faultOf("  .local .align 4 .b8 mine[16];\n  mov.u64 %rd10, mine;\n"
                      "  st.local.u32 [%rd10+16], %r0;\n"),
              FaultKind::Address, {"local memory, which has 16 bytes"});
}

TEST(Checks, Alignment) {
  expectFault("global", faultOf("  ld.global.u32 %r20, [%rd0+2];\n"), FaultKind::Misaligned,
              {"misaligned access of 4 bytes"});
  expectFault("vector", faultOf("  ld.global.v4.u32 {%r20, %r21, %r22, %r23}, [%rd0+8];\n"),
              FaultKind::Misaligned, {"misaligned access of 16 bytes"});
  expectFault(
      "ldmatrix",
      faultOf("  mov.u32 %r10, data;\n  ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r20}, "
              "[%r10+8];\n"),
      FaultKind::Misaligned, {"16 bytes"});
  expectFault(
      "cp.async",
      faultOf("  mov.u32 %r10, data;\n  cp.async.cg.shared.global [%r10], [%rd0+4], 16;\n"),
      FaultKind::Misaligned, {"16 bytes"});
}

TEST(Checks, ReadsOfWhatWasNeverWritten) {
  expectFault("stored",
              faultOf(kAddress + "  ld.global.u32 %r20, [%rd11];\n"
                                 "  st.global.u32 [%rd10], %r20;\n"),
              FaultKind::Uninitialised, {"never written"});
  expectFault("decides",
              faultOf(kAddress + "  ld.global.u32 %r20, [%rd11];\n"
                                 "  setp.ne.u32 %p1, %r20, 0;\n  @%p1 bra $DONE;\n"),
              FaultKind::Uninitialised, {"the predicate", "never written"});
  expectFault("address",
              faultOf(kAddress + "  ld.global.u64 %rd12, [%rd1];\n"
                                 "  ld.global.u32 %r21, [%rd12];\n"),
              FaultKind::Uninitialised, {"an address"});
  expectFault("shuffled",
              faultOf(kAddress + "  ld.global.u32 %r20, [%rd11];\n"
                                 "  shfl.sync.bfly.b32 %r21, %r20, 1, 31, 0xffffffff;\n"
                                 "  st.global.u32 [%rd10], %r21;\n"),
              FaultKind::Uninitialised, {"never written"});
  expectFault("shared", faultOf(kSharedAddress + "  ld.shared.u32 %r20, [%r12];\n"),
              FaultKind::Uninitialised, {"shared memory that was never written"});
  expectFault("local",
              faultOf("  .local .align 4 .b8 mine[16];\n  mov.u64 %rd10, mine;\n"
                      "  ld.local.u32 %r20, [%rd10];\n"),
              FaultKind::Uninitialised, {"local memory"});
  expectFault("cp.async",
              faultOf("  mov.u32 %r10, data;\n"
                      "  cp.async.cg.shared.global [%r10], [%rd1], 16;\n",
                      kShared, 1, 1),
              FaultKind::Uninitialised, {"never written"});
}

TEST(Checks, WhatIsLoadedAndNotUsedIsFine) {
  EXPECT_EQ(faultOf(kAddress + "  ld.global.u32 %r20, [%rd11];\n  add.s32 %r20, %r20, 1;\n"
                               "  setp.lt.u32 %p1, %r0, 99;\n  selp.b32 %r21, 7, %r20, %p1;\n"
                               "  st.global.u32 [%rd10], %r21;\n")
                .message,
            "no fault");
}

TEST(Checks, RacesOnSharedMemory) {
  const std::string neighbour = "  xor.b32 %r13, %r11, 128;\n  add.s32 %r13, %r13, %r10;\n";
  const std::string lane = "  xor.b32 %r13, %r11, 4;\n  add.s32 %r13, %r13, %r10;\n";
  const std::string write = "  st.shared.u32 [%r12], %r0;\n";
  const std::string read = "  ld.shared.u32 %r20, [%r13];\n";
  expectFault("read after write, other warp",
              faultOf(kSharedAddress + neighbour + write + "  bar.sync 0;\n" + write + read),
              FaultKind::Race, {"race on shared memory: read of", "wrote"});
  expectFault("read after write, same warp", faultOf(kSharedAddress + lane + write + read),
              FaultKind::Race, {"race on shared memory: read of", "thread "});
  // Whether the read or the write comes first is the order's choice: both are seen.
  std::string seen;
  for (std::uint64_t seed = 1; seed < 9; ++seed) {
    Fault fault = faultOf(kSharedAddress + neighbour + write +
                              "  bar.sync 0;\n  setp.lt.u32 %p1, "
                              "%r0, 32;\n  @%p1 bra $READ;\n  add.s32 %r21, %r0, 5;\n"
                              "  st.shared.u32 [%r12], %r21;\n  bra.uni $DONE;\n$READ:\n" +
                              read,
                          kShared, 2, 64, seed);
    expectFault("write and read", fault, FaultKind::Race, {"race on shared memory"});
    seen += fault.message;
  }
  EXPECT_NE(seen.find("write to"), std::string::npos);
  EXPECT_NE(seen.find("read since the last barrier"), std::string::npos);
  EXPECT_NE(seen.find("wrote since the last barrier"), std::string::npos);
  expectFault("write after write",
              faultOf("  mov.u32 %r10, data;\n  st.shared.u32 [%r10], %r0;\n"), FaultKind::Race,
              {"race on shared memory: write to", "wrote"});
  for (const std::string &sync :
       {std::string("  bar.sync 0;\n"), std::string("  barrier.sync 1, 64;\n")})
    EXPECT_EQ(faultOf(kSharedAddress + neighbour + write + sync + read).message, "no fault");
  EXPECT_EQ(
      faultOf(kSharedAddress + lane + write + "  bar.warp.sync 0xffffffff;\n" + read).message,
      "no fault");
  expectFault("a warp's barrier orders no other warp",
              faultOf(kSharedAddress + neighbour +
                      "  mov.u32 %r20, 3;\n  st.shared.u32 [%r12], "
                      "%r20;\n  bar.sync 0;\n  st.shared.u32 [%r12], %r0;\n"
                      "  bar.warp.sync 0xffffffff;\n" +
                      read),
              FaultKind::Race, {"race on shared memory"});
}

TEST(Checks, ConflictsOnGlobalMemory) {
  expectFault("two blocks", faultOf("  st.global.u32 [%rd0], %r1;\n", kShared, 2, 1),
              FaultKind::Race, {"conflict between blocks: write to"});
  expectFault("read of another block's",
              faultOf("  xor.b32 %r10, %r1, 1;\n  mul.wide.u32 %rd10, %r1, 4;\n"
                      "  add.s64 %rd10, %rd10, %rd0;\n  mul.wide.u32 %rd11, %r10, 4;\n"
                      "  add.s64 %rd11, %rd11, %rd0;\n  ld.global.u32 %r11, [%rd11];\n"
                      "  st.global.u32 [%rd10], %r11;\n",
                      kShared, 2, 1),
              FaultKind::Race, {"conflict between blocks: read of"});
  expectFault("two threads", faultOf("  st.global.u32 [%rd0], %r0;\n", kShared, 1, 64),
              FaultKind::Race, {"race on global memory"});
  EXPECT_EQ(faultOf("  red.global.add.u32 [%rd0], 1;\n").message, "no fault");
  expectFault("atomic and plain",
              faultOf("  red.global.add.u32 [%rd0], 1;\n  st.global.u32 [%rd0], %r2;\n"),
              FaultKind::Race, {"wrote"});
}

TEST(Checks, DivergentBarriers) {
  expectFault("half a warp",
              faultOf("  setp.lt.u32 %p1, %r0, 16;\n  @!%p1 bra $DONE;\n"
                      "  bar.sync 0;\n"),
              FaultKind::Barrier, {"divergent barrier"});
  expectFault("predicated", faultOf("  setp.lt.u32 %p1, %r0, 16;\n  @%p1 bar.sync 0;\n"),
              FaultKind::Barrier, {"divergent barrier"});
  expectFault("half a block",
              faultOf("  setp.lt.u32 %p1, %r0, 32;\n  @!%p1 bra $DONE;\n"
                      "  bar.sync 0;\n"),
              FaultKind::Barrier, {"divergent barrier"});
  expectFault("two barriers",
              faultOf("  setp.lt.u32 %p1, %r0, 32;\n  @%p1 bra $OTHER;\n"
                      "  bar.sync 0;\n  bra.uni $DONE;\n$OTHER:\n  bar.sync 0;\n"),
              FaultKind::Barrier, {"divergent barrier"});
  expectFault("shuffle",
              faultOf("  setp.lt.u32 %p1, %r0, 16;\n  @!%p1 bra $DONE;\n"
                      "  shfl.sync.bfly.b32 %r20, %r0, 1, 31, 0xffffffff;\n"),
              FaultKind::Barrier, {"divergence"});
  expectFault("not a member", faultOf("  shfl.sync.bfly.b32 %r20, %r0, 1, 31, 0xffff;\n"),
              FaultKind::Barrier, {"member mask"});
}

TEST(Checks, CopiesInFlight) {
  const std::string copy = "  mov.u32 %r10, data;\n  shl.b32 %r11, %r0, 4;\n"
                           "  add.s32 %r12, %r10, %r11;\n"
                           "  cp.async.cg.shared.global [%r12], [%rd0], 16;\n"
                           "  cp.async.commit_group;\n";
  const std::string read = "  ld.shared.u32 %r20, [%r12];\n";
  expectFault("read", faultOf(copy + read, kShared, 1, 16), FaultKind::InFlight, {"in flight"});
  expectFault("read after too weak a wait",
              faultOf(copy + "  cp.async.wait_group 1;\n" + read, kShared, 1, 16),
              FaultKind::InFlight, {"in flight"});
  expectFault("write", faultOf(copy + "  st.shared.u32 [%r12], %r0;\n", kShared, 1, 16),
              FaultKind::InFlight, {"in flight"});
  expectFault("not committed",
              faultOf("  mov.u32 %r12, data;\n  cp.async.ca.shared.global [%r12], [%rd0], 4;\n"
                      "  cp.async.wait_group 0;\n" +
                          read,
                      kShared, 1, 1),
              FaultKind::InFlight, {"in flight"});
  for (const char *wait : {"  cp.async.wait_group 0;\n", "  cp.async.wait_all;\n"})
    EXPECT_EQ(faultOf(copy + wait + read, kShared, 1, 16).message, "no fault");
  expectFault("another thread's, without a barrier",
              faultOf(copy +
                          "  cp.async.wait_all;\n  xor.b32 %r13, %r11, 16;\n"
                          "  add.s32 %r12, %r13, %r10;\n" +
                          read,
                      kShared, 1, 16),
              FaultKind::Race, {"race on shared memory"});
}

TEST(Checks, EndlessLoopsAndTraps) {
  expectFault("loop", faultOf("$L:\n  bra.uni $L;\n"), FaultKind::Other, {"does not end"});
  expectFault("trap", faultOf("  trap;\n"), FaultKind::Other, {"traps"});
}

std::string refusalOf(const std::string &ptx) {
  TestGpu gpu(1 << 22);
  try {
    gpu.load(ptx);
  } catch (const Fault &fault) {
    EXPECT_EQ(static_cast<int>(fault.kind), static_cast<int>(FaultKind::InvalidPtx));
    return fault.message;
  }
  return "accepted";
}

TEST(Syntax, WhatIsUnknownIsRefusedWithItsLine) {
  for (const char *line :
       {"frobnicate.u32 %r20, %r0;", "add.sat.s32 %r20, %r0, %r1;",
        "fma.rm.f32 %f1, %f2, %f3, %f4;", "ld.global.weird.u32 %r20, [%rd0];",
        "cvt.rn.satfinite.e4m3x2.f32 %rs1, %f1, %f2;",
        "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%r1}, {%r2}, {%r3}, {%r4};",
        "cp.async.cg.shared.global [%r1], [%rd0], 8;", "bar.red.popc.u32 %r20, 0, %p1;",
        "add.s32 %r20, %r0, nothing;", "add.s32 %r20, %rd0, %r1, %r2;", "bra $NOWHERE;",
        "setp.lt.s32 %r20, %r0, %r1;", "st.global.u32 [%f1], %r0;", "mov.u32 %r20, %clock;"}) {
    std::string message = refusalOf(kernelText("  " + std::string(line) + "\n"));
    EXPECT_NE(message, "accepted") << line;
    EXPECT_NE(message.find("`" + std::string(line) + "`"), std::string::npos) << message;
    EXPECT_NE(message.find("line "), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
  EXPECT_NE(refusalOf("").find(".version"), std::string::npos);
  EXPECT_NE(refusalOf(".version 8.0\n.target sm_80\n.bogus\n").find(".bogus"),
            std::string::npos);
}

TEST(Syntax, CutAndGarbledTextIsRefusedOrRead) {
  std::string whole = sampleText("scan");
  for (std::size_t length = 0; length < whole.size(); length += 7)
    EXPECT_EQ(refusalOf(whole.substr(0, length)).find('\n'), std::string::npos);
  std::mt19937 random(8);
  for (int round = 0; round < 300; ++round) {
    std::string garbled = whole;
    for (int k = 0; k < 3; ++k)
      garbled[random() % garbled.size()] = static_cast<char>(33 + random() % 90);
    EXPECT_EQ(refusalOf(garbled).find('\n'), std::string::npos);
  }
}

TEST(Syntax, PtxasAcceptsTheSamples) {
  if (std::system("ptxas --version > /dev/null 2>&1") != 0)
    GTEST_SKIP() << "no ptxas on this machine";
  std::vector<std::string> paths{std::string(FTC_SOURCE_DIR) + "/test/support/TestKernels.ptx"};
  for (const Sample &sample : samples())
    paths.push_back(std::string(FTC_EMULATOR_DIR) + "/samples/" + sample.name + ".ptx");
  for (const std::string &path : paths)
    for (const char *gpu : {"sm_80", "sm_90"})
      EXPECT_EQ(std::system(("ptxas --warn-on-spills -Werror -arch=" + std::string(gpu) +
                             " -o /dev/null " + path)
                                .c_str()),
                0)
          << path;
}

} // namespace
} // namespace ftc::emulator
