// The least time of a kernel's launch on a GPU, from published peaks alone.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace ftc::cuda {

/// A dense SXM card as its data sheet has it.
struct GpuPeaks {
  const char *name;
  int multiprocessors;
  double hertz;
  double bytesPerSecond; ///< of device memory
  double tensorFlops;    ///< of the tensor core in bf16, a clock of a multiprocessor
  double fmaFlops;       ///< of f32 multiply-adds, a clock of a multiprocessor

  double bf16FlopsPerSecond() const { return multiprocessors * hertz * tensorFlops; }
};

/// A100 and H100.
std::span<const GpuPeaks> gpuPeaks();

enum class KernelKind { Product, Attention, Other };
/// Of a kernel by its key.
KernelKind kindOf(std::string_view kernel);
const char *nameOf(KernelKind kind);

/// What a launch waits for at the least.
enum class Resource { DeviceMemory, TensorCore, SharedMemory, MultiplyAdds };
const char *nameOf(Resource resource);

struct LeastTime {
  double seconds;
  double inRounds;   ///< the same where a multiprocessor works on whole blocks
  Resource resource; ///< the busiest
};

/// A launch of a kernel, or a member of a group's.
struct Work {
  std::string_view kernel;
  std::int64_t flops;
  std::int64_t blocks;
};

/// Waves of shared memory that a product on tensor cores takes, of 128 bytes: reads, copies and
/// shuffles of whole tiles. 0: of another kernel.
double sharedWaves(const Work &work);

/// Of a launch that moves `bytes` between device memory and chip once, and does all of `work`:
/// a launch alone, or a group's, whose members share the chip. Products on tensor cores are
/// also bounded by the waves of shared memory that their tile takes (a wave of 128 bytes a
/// clock), as the emulator counts them (test/cuda/GemmFiguresTest.cpp).
LeastTime leastTime(std::span<const Work> work, std::int64_t bytes, const GpuPeaks &gpu);

} // namespace ftc::cuda
