// The emulator beside the same IR compiled for this CPU, on real numbers: products of all
// bodies, attention's passes, the vocabulary's loss and vector kernels. All other kernels of
// test/kernels are compared in GpuKernelHarness, launch by launch.
#include "test/cuda/HostBlock.h"
#include "test/cuda/MutationSubjects.h"

#include <gtest/gtest.h>

namespace ftc::cuda::test {
namespace {

/// No kernel has an approximate instruction, and sums of an mma are rounded once on both sides:
/// equal bits.
TEST(HostKernels, GiveTheEmulatorsBits) {
  std::size_t launches = 0, words = 0;
  for (const Subject &subject : subjects()) {
    SCOPED_TRACE(subject.name);
    std::string ptx = subject.ptx();
    EXPECT_EQ(ptx.find(".approx"), std::string::npos);
    std::unique_ptr<HostKernels> host = subject.host();
    ASSERT_TRUE(host);
    for (std::size_t i = 0; i < subject.launches.size(); ++i) {
      std::vector<std::uint32_t> emulated = subject.run(ptx, i);
      std::vector<std::uint32_t> native = subject.runOnHost(*host, i);
      ASSERT_EQ(emulated.size(), native.size());
      for (std::size_t at = 0; at < native.size(); ++at)
        ASSERT_TRUE(sameWord(emulated[at], native[at]))
            << "word " << at << " of launch " << i << ": " << emulated[at]
            << " on the emulator, " << native[at] << " on the host";
      ++launches;
      words += native.size();
    }
  }
  std::printf("%zu launches, %zu words: none differs\n", launches, words);
}

TEST(HostKernels, KnowTheirIntrinsics) {
  EXPECT_EQ(intrinsicOf("llvm.nvvm.bar.warp.sync"), Intrinsic::WarpBarrier);
  EXPECT_EQ(intrinsicOf("llvm.nvvm.wgmma.fence.sync.aligned"), std::nullopt);
  EXPECT_EQ(intrinsicOf("bar.warp.sync"), std::nullopt);
}

} // namespace
} // namespace ftc::cuda::test
