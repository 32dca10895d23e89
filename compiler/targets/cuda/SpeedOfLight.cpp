// Clocks of the busiest resource. Tiles and bodies of products are read from their keys, which
// kernels/Gemm.cpp makes.
#include "compiler/targets/cuda/SpeedOfLight.h"

#include "compiler/targets/cuda/GpuArch.h"

#include <algorithm>
#include <optional>
#include <regex>
#include <string>

namespace ftc::cuda {

std::span<const GpuPeaks> gpuPeaks() {
  static constexpr GpuPeaks all[] = {{"A100", 108, 1.41e9, 1.555e12, 2048, 128},
                                     {"H100", 132, 1.755e9, 3.35e12, 4096, 256}};
  return all;
}

namespace {

enum class Body { Pipelined, Mma, Fma };

struct Tile {
  double rows, columns; ///< of a block's results
  Body body;

  bool tf32; ///< which tensor cores multiply half as fast as bf16

  bool onTensorCore() const { return body != Body::Fma; }
  /// Waves of shared memory a FLOP.
  double waves() const {
    // For 16 terms of a tile's sums. Pipelined: f32, a warp reads half of the columns, and half
    // of the rows, or a quarter of 256; copies write each once. Else bf16 by ldmatrix, a warp
    // half the rows and 32 columns.
    double lines = rows + columns;
    double taken = 0;
    if (body == Body::Pipelined) {
      double warps = rows == 256 ? 8 : 4;
      taken = warps * (rows / (warps / 2) + columns / 2) * 64 / 128 + lines * 64 / 128;
    } else {
      double warps = rows == 128 ? 8 : 4;
      taken = warps * (rows / 2 + 32) * 32 / 128 + lines * 32 / 128;
    }
    return taken / (2 * rows * columns * 16);
  }
};

std::optional<Tile> tileOf(std::string_view kernel) {
  static const std::regex pattern("_t([0-9]+)_(cp|mma|fma)_");
  std::match_results<std::string_view::const_iterator> match;
  if (!std::regex_search(kernel.begin(), kernel.end(), match, pattern))
    return std::nullopt;
  std::string body = match[2];
  double rows = std::stod(match[1]);
  return Tile{rows, std::min(rows, 128.0), body == "cp"    ? Body::Pipelined
                                   : body == "mma" ? Body::Mma
                                                   : Body::Fma,
              kernel.ends_with(productsName(Products::Tf32))};
}

} // namespace

KernelKind kindOf(std::string_view kernel) {
  return tileOf(kernel)                ? KernelKind::Product
         : kernel.starts_with("flash") ? KernelKind::Attention
                                       : KernelKind::Other;
}

const char *nameOf(KernelKind kind) {
  static constexpr const char *names[] = {"products", "attention", "others"};
  return names[static_cast<int>(kind)];
}

const char *nameOf(Resource resource) {
  static constexpr const char *names[] = {"device memory", "tensor core", "shared memory",
                                          "multiply-adds"};
  return names[static_cast<int>(resource)];
}

/// Of the arithmetic alone.
static LeastTime computeTime(const Work &work, const GpuPeaks &gpu) {
  LeastTime least{0, Resource::MultiplyAdds};
  auto takes = [&](double clocks, Resource resource) {
    double seconds = clocks / gpu.multiprocessors / gpu.hertz;
    if (seconds > least.seconds)
      least = {seconds, resource};
  };
  auto flops = static_cast<double>(work.flops);
  std::optional<Tile> tile = tileOf(work.kernel);
  if (tile && tile->onTensorCore()) {
    takes(flops / gpu.tensorFlops * (tile->tf32 ? 2 : 1), Resource::TensorCore);
    takes(flops * tile->waves(), Resource::SharedMemory);
    return least;
  }
  takes(flops / gpu.fmaFlops, Resource::MultiplyAdds);
  // FlashAttention's reads of shared memory take 40 waves beside 64 warps' multiply-adds: of 32
  // lanes and two FLOPs.
  if (kindOf(work.kernel) == KernelKind::Attention)
    takes(flops / gpu.fmaFlops * 1.25, Resource::SharedMemory);
  return least;
}

LeastTime leastTime(std::span<const Work> work, std::int64_t bytes, const GpuPeaks &gpu) {
  LeastTime sum{0, Resource::MultiplyAdds};
  double longest = -1;
  for (const Work &each : work) {
    LeastTime own = computeTime(each, gpu);
    sum.seconds += own.seconds;
    if (own.seconds > longest) {
      longest = own.seconds;
      sum.resource = own.resource;
    }
  }
  LeastTime moved{static_cast<double>(bytes) / gpu.bytesPerSecond, Resource::DeviceMemory};
  return moved.seconds >= sum.seconds ? moved : sum;
}

} // namespace ftc::cuda
