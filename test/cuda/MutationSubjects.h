// The compiler's kernels with inputs, for tests that break their PTX.
#pragma once

#include "compiler/targets/cpu/kernels/KernelSpec.h"
#include "test/cuda/HostKernels.h"
#include "test/emulator/Harness.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ftc::cuda::test {

/// An operand: its words, or room for that many that the kernel must write before they count.
struct Operand {
  std::vector<std::uint32_t> words;
  bool written = true;
};

struct Inputs {
  std::vector<Operand> operands;
  std::vector<std::int64_t> ints;
  std::vector<double> scalars = {};
};

/// A launch's operands on the host, aligned and with slack as the device has them.
class HostOperands {
public:
  explicit HostOperands(const Inputs &inputs);
  std::vector<void *> pointers;
  /// What lies in all of them.
  std::vector<std::uint32_t> words() const;

private:
  struct Line;
  std::vector<std::size_t> counts;
  std::vector<std::shared_ptr<Line[]>> arrays;
};

/// In which order warps and blocks run, and whether sums are as the hardware's.
struct Order {
  std::uint64_t seed = 1;
  unsigned threads = 1; ///< of the host
  bool adversarial = false;
};

/// A kernel and what it is launched with, each by itself: arrays are as long as they must be.
struct Subject {
  std::string name;
  std::shared_ptr<cpu::Kernel> kernel;
  Products products = Products::F32;
  std::vector<Inputs> launches;

  const GpuArch &arch() const { return *findArch("sm_80", products); }
  /// The kernel as it is compiled, with the numbers of its operands.
  LaunchedKernel launched() const;
  std::int64_t tasks(std::size_t index) const;
  std::string ptx() const;
  /// What lies in all operands after launch `index` of `ptx`, with blocks beyond the tasks.
  /// Throws emulator::Fault.
  std::vector<std::uint32_t> run(const std::string &ptx, std::size_t index,
                                 const Order &order = {}) const;

  /// The kernel as PTX is made of, on this CPU, and what a launch of it leaves.
  std::unique_ptr<HostKernels> host() const;
  std::vector<std::uint32_t> runOnHost(HostKernels &host, std::size_t index) const;
};

/// Products in each of their bodies, attention's passes, the vocabulary's loss, and vector
/// kernels: small, with remainders, and so that every path is taken.
std::vector<Subject> subjects();

/// Operands in the emulated GPU's memory, and what lies in them.
std::vector<std::uint64_t> upload(emulator::TestGpu &gpu, const Inputs &inputs);
std::vector<std::uint32_t> download(emulator::TestGpu &gpu, const Inputs &inputs,
                                    const std::vector<std::uint64_t> &addresses);

} // namespace ftc::cuda::test
