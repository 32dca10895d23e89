// Clocks of the busiest resource. Tiles and bodies of products are read from their keys, which
// kernels/Gemm.cpp makes.
#include "compiler/targets/cuda/SpeedOfLight.h"

#include "compiler/targets/cuda/GpuArch.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <queue>
#include <regex>
#include <string>
#include <vector>

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
  bool narrowRows = false, narrowColumns = false; ///< which factor lies in bf16
  double firstColumns = 0; ///< share of a gradient's blocks that sum the bias's gradient

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
      double warpRows = rows / (warps / 2);
      taken = (warps * warpRows + rows) * (narrowRows ? 32 : 64) / 128 +
              (warps * columns / 2 + columns) * (narrowColumns ? 32 : 64) / 128;
      // Sums of columns take shuffles, a wave each: one a piece of 16 rows, and one a warp.
      taken += firstColumns * warps * (warpRows / 32 + 1);
    } else {
      double warps = rows == 128 ? 8 : 4;
      taken = warps * (rows / 2 + 32) * 32 / 128 + lines * 32 / 128;
    }
    return taken / (2 * rows * columns * 16);
  }
};

std::optional<Tile> tileOf(std::string_view kernel) {
  static const std::regex pattern("_t([0-9]+)_(cp|mma|fma)_");
  static const std::regex biased("^linear_wgrad_[0-9]+x([0-9]+)(?:_x16)?_bias_");
  std::match_results<std::string_view::const_iterator> match;
  if (!std::regex_search(kernel.begin(), kernel.end(), match, pattern))
    return std::nullopt;
  std::string body = match[2];
  double rows = std::stod(match[1]);
  Tile tile{rows, std::min(rows, 128.0), body == "cp"    ? Body::Pipelined
                                         : body == "mma" ? Body::Mma
                                                         : Body::Fma,
            kernel.ends_with(productsName(Products::Tf32))};
  if (kernel.find("_x16_") != kernel.npos)
    (kernel.starts_with("linear_wgrad") ? tile.narrowColumns : tile.narrowRows) = true;
  if (std::regex_search(kernel.begin(), kernel.end(), match, biased))
    tile.firstColumns = 1 / std::ceil(std::stod(match[1]) / tile.columns);
  return tile;
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

double sharedWaves(const Work &work) {
  std::optional<Tile> tile = tileOf(work.kernel);
  return tile && tile->onTensorCore() ? static_cast<double>(work.flops) * tile->waves() : 0;
}

/// Seconds until the last of blocks is done, which multiprocessors take in turn as each is free.
static double inRounds(std::span<const Work> work, std::span<const double> seconds,
                       const GpuPeaks &gpu) {
  std::priority_queue<double, std::vector<double>, std::greater<>> freeAt(
      {}, std::vector<double>(gpu.multiprocessors, 0.0));
  double last = 0;
  for (std::size_t i = 0; i < work.size(); ++i)
    for (std::int64_t block = 0; block < work[i].blocks; ++block) {
      double end = freeAt.top() + seconds[i] * gpu.multiprocessors / work[i].blocks;
      freeAt.pop();
      freeAt.push(end);
      last = std::max(last, end);
    }
  return last;
}

/// Of the arithmetic alone.
static LeastTime computeTime(const Work &work, const GpuPeaks &gpu) {
  LeastTime least{0, 0, Resource::MultiplyAdds};
  auto takes = [&](double clocks, Resource resource) {
    double seconds = clocks / gpu.multiprocessors / gpu.hertz;
    if (seconds > least.seconds)
      least = {seconds, seconds, resource};
  };
  auto flops = static_cast<double>(work.flops);
  std::optional<Tile> tile = tileOf(work.kernel);
  if (tile && tile->onTensorCore()) {
    takes(flops / gpu.tensorFlops * (tile->tf32 ? 2 : 1), Resource::TensorCore);
    takes(sharedWaves(work), Resource::SharedMemory);
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
  LeastTime sum{0, 0, Resource::MultiplyAdds};
  double longest = -1;
  std::vector<double> seconds;
  for (const Work &each : work) {
    LeastTime own = computeTime(each, gpu);
    seconds.push_back(own.seconds);
    sum.seconds += own.seconds;
    if (own.seconds > longest) {
      longest = own.seconds;
      sum.resource = own.resource;
    }
  }
  double moved = static_cast<double>(bytes) / gpu.bytesPerSecond;
  if (moved >= sum.seconds)
    sum = {moved, 0, Resource::DeviceMemory};
  sum.inRounds = std::max(moved, inRounds(work, seconds, gpu));
  return sum;
}

} // namespace ftc::cuda
