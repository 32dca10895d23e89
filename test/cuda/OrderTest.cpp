// The compiler's kernels in other orders of warps and blocks, on other numbers of host threads,
// with exact sums and with the hardware's: nothing is found, and no bit of a result depends on
// the order.
#include "test/cuda/MutationSubjects.h"

#include <gtest/gtest.h>

#include <cstdio>

namespace ftc::cuda::test {
namespace {

TEST(KernelOrders, GiveTheSameBits) {
  std::size_t launches = 0;
  std::vector<Subject> all = subjects();
  for (const Subject &subject : all) {
    SCOPED_TRACE(subject.name);
    std::string ptx = subject.ptx();
    for (std::size_t launch = 0; launch < subject.launches.size(); ++launch, ++launches)
      for (bool adversarial : {false, true}) {
        Order order{/*seed=*/1, /*threads=*/1, adversarial};
        std::vector<std::uint32_t> expected = subject.run(ptx, launch, order);
        for (order.seed = 2; order.seed < 8; ++order.seed) {
          order.threads = order.seed % 2 ? 1 : 2;
          EXPECT_EQ(subject.run(ptx, launch, order), expected)
              << "launch " << launch << ", seed " << order.seed
              << (adversarial ? ", adversarial" : "");
        }
      }
  }
  std::printf("%zu launches of %zu kernels in 7 orders, twice: no word differs\n", launches,
              all.size());
}

} // namespace
} // namespace ftc::cuda::test
