// Groups of launches on the emulator beside the same IR compiled for this CPU, and beside each
// launch alone: kernels of all kinds, twice over one grid, and behind them one of another kind.
#include "compiler/targets/cuda/PtxCompiler.h"
#include "compiler/targets/cuda/lowering/CudaLowering.h"
#include "test/cuda/MutationSubjects.h"

#include <bit>
#include <gtest/gtest.h>

namespace ftc::cuda::test {
namespace {

/// Whether one kernel can run both, as the pass ftc-group-launches asks: in one variant, blocks
/// of one shape.
bool fit(const Subject &a, const Subject &b) {
  auto *blockOf = loweringTarget().blockOf;
  return a.products == b.products &&
         blockOf(*a.kernel, a.arch()) == blockOf(*b.kernel, b.arch());
}

/// One launch of the first kernel twice, and one of the second, if there is one.
struct Group {
  const Subject *first, *second;
  std::size_t launch; ///< of the first; of the second it is launch 0

  struct Member {
    const Subject *subject;
    std::size_t launch;
  };
  std::vector<Member> members() const {
    std::vector<Member> list{{first, launch}, {first, launch}};
    if (second)
      list.push_back({second, 0});
    return list;
  }
  LaunchedGroup launched() const {
    LaunchedGroup group{"group", {{first->launched(), 2}}};
    if (second)
      group.runs.push_back({second->launched(), 1});
    return group;
  }
  std::int64_t tasks() const {
    return 2 * first->tasks(launch) + (second ? second->tasks(0) : 0);
  }
  /// Its words (runtime/abi/CudaKernel.h): the sum of the grids, sums of them up to each member
  /// then each member's addresses, ints and scalars.
  std::vector<std::uint64_t>
  words(const std::vector<std::vector<std::uint64_t>> &addresses) const {
    std::vector<std::uint64_t> words{static_cast<std::uint64_t>(tasks())};
    std::int64_t sum = 0;
    for (const Member &member : members())
      words.push_back(static_cast<std::uint64_t>(sum += member.subject->tasks(member.launch)));
    for (std::size_t i = 0; i < addresses.size(); ++i) {
      const Inputs &inputs = members()[i].subject->launches[members()[i].launch];
      words.insert(words.end(), addresses[i].begin(), addresses[i].end());
      for (std::int64_t value : inputs.ints)
        words.push_back(static_cast<std::uint64_t>(value));
      for (double value : inputs.scalars)
        words.push_back(std::bit_cast<std::uint64_t>(value));
    }
    return words;
  }

  using Results = std::vector<std::vector<std::uint32_t>>; ///< of each member
  Results run(const std::string &ptx) const;
  Results runOnHost(HostKernels &host) const;
};

Group::Results Group::run(const std::string &ptx) const {
  emulator::TestGpu gpu(std::uint64_t(1) << 25);
  gpu.load(ptx);
  std::vector<std::vector<std::uint64_t>> addresses;
  for (const Member &member : members())
    addresses.push_back(upload(gpu, member.subject->launches[member.launch]));
  gpu.launch("group", static_cast<std::uint32_t>(tasks()) + 3, threadsOf(*first->kernel),
             {gpu.upload(words(addresses))},
             static_cast<std::uint32_t>(sharedBytesOf(*first->kernel, first->arch())));
  Results results;
  for (std::size_t i = 0; i < addresses.size(); ++i)
    results.push_back(
        download(gpu, members()[i].subject->launches[members()[i].launch], addresses[i]));
  return results;
}

Group::Results Group::runOnHost(HostKernels &host) const {
  std::vector<HostOperands> operands;
  std::vector<std::vector<std::uint64_t>> addresses;
  for (const Member &member : members()) {
    operands.emplace_back(member.subject->launches[member.launch]);
    addresses.emplace_back();
    for (void *pointer : operands.back().pointers)
      addresses.back().push_back(reinterpret_cast<std::uintptr_t>(pointer));
  }
  std::vector<std::uint64_t> all = words(addresses);
  host.launch("group", static_cast<unsigned>(tasks()) + 3,
              static_cast<unsigned>(threadsOf(*first->kernel)), {all.data()});
  Results results;
  for (const HostOperands &each : operands)
    results.push_back(each.words());
  return results;
}

void expectEqual(const Group::Results &got, const Group::Results &wanted, const char *what) {
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t member = 0; member < got.size(); ++member) {
    ASSERT_EQ(got[member].size(), wanted[member].size());
    for (std::size_t at = 0; at < got[member].size(); ++at)
      ASSERT_TRUE(sameWord(got[member][at], wanted[member][at]))
          << "word " << at << " of member " << member << ": " << got[member][at]
          << " of the group on the emulator, " << wanted[member][at] << " " << what;
  }
}

TEST(HostGroups, GiveTheEmulatorsBits) {
  std::vector<Subject> all = subjects();
  std::size_t groups = 0, pairs = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Subject &first = all[i];
    const Subject *second = nullptr; // the next that fits, from behind the first on
    for (std::size_t step = 1; step < all.size() && !second; ++step)
      if (fit(first, all[(i + step) % all.size()]))
        second = &all[(i + step) % all.size()];
    pairs += second != nullptr;
    SCOPED_TRACE(first.name + (second ? " with " + second->name : std::string()));
    LaunchedGroup launched = Group{&first, second, 0}.launched();
    llvm::Expected<std::string> ptx = compileToPtx({}, first.arch(), {launched});
    ASSERT_TRUE(bool(ptx)) << llvm::toString(ptx.takeError());
    auto host = HostKernels::compile({}, first.arch(), {launched});
    ASSERT_TRUE(bool(host)) << llvm::toString(host.takeError());
    std::string ptxOfFirst = first.ptx(), ptxOfSecond = second ? second->ptx() : "";
    for (std::size_t launch = 0; launch < first.launches.size(); ++launch) {
      Group group{&first, second, launch};
      Group::Results emulated = group.run(*ptx);
      expectEqual(emulated, group.runOnHost(**host), "on the host");
      Group::Results alone(2, first.run(ptxOfFirst, launch));
      if (second)
        alone.push_back(second->run(ptxOfSecond, 0));
      expectEqual(emulated, alone, "of the launch alone");
      ++groups;
    }
  }
  EXPECT_GT(pairs, all.size() / 2);
  std::printf("%zu groups of %zu kernels, %zu of them with another: no word differs\n", groups,
              all.size(), pairs);
}

} // namespace
} // namespace ftc::cuda::test
