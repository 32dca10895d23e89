// Runs the blocks of a launch: spread over host threads, each block's warps in an order of its
// own from barrier to barrier.
#include "test/emulator/machine/Machine.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>

namespace ftc::emulator {

void Counters::add(const Counters &other) {
  executed.resize(std::max(executed.size(), other.executed.size()));
  lanes.resize(executed.size());
  for (std::size_t i = 0; i < other.executed.size(); ++i) {
    executed[i] += other.executed[i];
    lanes[i] += other.lanes[i];
  }
  globalRequests += other.globalRequests;
  globalSectors += other.globalSectors;
  idealSectors += other.idealSectors;
  sharedRequests += other.sharedRequests;
  sharedWaves += other.sharedWaves;
  idealWaves += other.idealWaves;
  globalBytes += other.globalBytes;
}

void failAt(const Warp &warp, const Instruction &instruction, unsigned lane, FaultKind kind,
            const std::string &what) {
  const Block &block = *warp.block;
  std::uint32_t thread = warp.index * kLanes + lane;
  const std::uint32_t *size = block.launch->block;
  fail(kind, describe(*block.kernel, instruction) + "block (" + std::to_string(block.index[0]) +
                 ", " + std::to_string(block.index[1]) + ", " + std::to_string(block.index[2]) +
                 "), thread (" + std::to_string(thread % size[0]) + ", " +
                 std::to_string(thread / size[0] % size[1]) + ", " +
                 std::to_string(thread / size[0] / size[1]) + "): " + what);
}

namespace {

/// SplitMix64.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

/// A permutation of [0, count): multiplication by a number that has no factor in common.
struct Permutation {
  Permutation(std::uint64_t count, std::uint64_t seed) : count(count) {
    if (count < 2)
      return;
    factor = mix(seed) % count | 1;
    while (std::gcd(factor, count) != 1)
      ++factor;
    offset = mix(seed + 1) % count;
  }
  std::uint64_t operator()(std::uint64_t i) const {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(i) * factor + offset) %
                                      count);
  }
  std::uint64_t count, factor = 1, offset = 0;
};

void fillSpecial(const Warp &warp, const Launch &launch, Special special,
                 std::uint32_t *lanes) {
  const std::uint32_t *block = launch.block, *index = warp.block->index;
  for (std::uint32_t l = 0; l < kLanes; ++l) {
    std::uint32_t thread = warp.index * kLanes + l, value = 0;
    switch (special) {
    case Special::TidX:
      value = thread % block[0];
      break;
    case Special::TidY:
      value = thread / block[0] % block[1];
      break;
    case Special::TidZ:
      value = thread / block[0] / block[1];
      break;
    case Special::NtidX:
      value = block[0];
      break;
    case Special::NtidY:
      value = block[1];
      break;
    case Special::NtidZ:
      value = block[2];
      break;
    case Special::CtaidX:
      value = index[0];
      break;
    case Special::CtaidY:
      value = index[1];
      break;
    case Special::CtaidZ:
      value = index[2];
      break;
    case Special::NctaidX:
      value = launch.grid[0];
      break;
    case Special::NctaidY:
      value = launch.grid[1];
      break;
    case Special::NctaidZ:
      value = launch.grid[2];
      break;
    case Special::LaneId:
      value = l;
      break;
    case Special::WarpId:
      value = warp.index;
      break;
    case Special::NwarpId:
      value = (launch.threads() + kLanes - 1) / kLanes;
      break;
    case Special::LaneMaskEq:
      value = 1u << l;
      break;
    case Special::LaneMaskLt:
      value = (1u << l) - 1;
      break;
    case Special::LaneMaskLe:
      value = (2u << l) - 1;
      break;
    case Special::LaneMaskGt:
      value = ~((2u << l) - 1);
      break;
    case Special::LaneMaskGe:
      value = ~((1u << l) - 1);
      break;
    case Special::Count:
      break;
    }
    lanes[l] = value;
  }
}

/// One host thread's work: blocks, one after the other, in reused storage.
class Worker {
public:
  Worker(const Launch &launch, Counters &counters) : launch(launch) {
    const Kernel &kernel = *launch.kernel;
    block.launch = &launch;
    block.kernel = &kernel;
    block.counters = &counters;
    counters.executed.assign(kernel.code.size(), 0);
    counters.lanes.assign(kernel.code.size(), 0);
    block.warpCount = (launch.threads() + kLanes - 1) / kLanes;
    block.sharedBytes = kernel.sharedBytes + launch.dynamicShared;
    block.granuleShift = kernel.granule == 4 ? 2 : kernel.granule == 2 ? 1 : 0;
    block.warps.resize(block.warpCount);
    block.cached.resize(static_cast<std::size_t>(kernel.accesses));
    // The first register stands at a boundary of 64 bytes, as wide loads like it.
    registerStride = (kernel.registerBytes + 127) / 128 * 128;
    block.registers.resize(registerStride * block.warpCount + 64);
    block.predicates.resize(std::max<std::size_t>(1, kernel.predicates) * block.warpCount);
    undefinedStride = registerStride / 128 + kernel.predicates;
    block.undefined.resize(undefinedStride * block.warpCount + 1);
    block.sharedStorage.resize(block.sharedBytes + 64);
    block.shared = aligned(block.sharedStorage.data());
    std::size_t granules = (block.sharedBytes >> block.granuleShift) + 1;
    block.shadowStorage.resize(2 * granules);
    block.writers = block.shadowStorage.data();
    block.readers = block.writers + granules;
    block.localStorage.resize(std::size_t(kernel.localBytes) * block.warpCount * kLanes);
    block.localShadow.resize(block.localStorage.size());
    block.local = block.localStorage.data();
    block.localWritten = block.localShadow.data();
  }

  void run(std::uint64_t number) {
    start(number);
    std::uint32_t running = block.warpCount;
    for (std::uint64_t round = 0; running > 0; ++round) {
      Permutation order(block.warpCount, mix(launch.options->seed) + number * 977 + round);
      for (std::uint32_t k = 0; k < block.warpCount; ++k) {
        Warp &warp = block.warps[order(k)];
        if (warp.finished || warp.atBarrier)
          continue;
        if (executor().run(warp) == Stop::Finished)
          --running;
      }
      if (!release() && running > 0)
        failStuck();
    }
  }

private:
  static std::byte *aligned(std::byte *address) {
    return reinterpret_cast<std::byte *>((reinterpret_cast<std::uintptr_t>(address) + 63) / 64 *
                                         64);
  }

  void start(std::uint64_t number) {
    const Kernel &kernel = *launch.kernel;
    block.index[0] = static_cast<std::uint32_t>(number % launch.grid[0]);
    block.index[1] = static_cast<std::uint32_t>(number / launch.grid[0] % launch.grid[1]);
    block.index[2] = static_cast<std::uint32_t>(number / launch.grid[0] / launch.grid[1]);
    block.tag = launch.firstTag + static_cast<std::uint32_t>(number);
    std::memset(block.shadowStorage.data(), 0, block.shadowStorage.size() * 4);
    std::memset(block.localShadow.data(), 0, block.localShadow.size());
    // What was never written is no small number.
    std::memset(block.registers.data(), 0xFF, block.registers.size());
    std::memset(block.predicates.data(), 0xAA, block.predicates.size() * 4);
    if (std::any_of(block.warps.begin(), block.warps.end(),
                    [](const Warp &warp) { return warp.tainted; }))
      std::fill(block.undefined.begin(), block.undefined.end(), 0);
    std::byte *registers = aligned(block.registers.data());
    for (std::uint32_t k = 0; k < block.warpCount; ++k) {
      Warp &warp = block.warps[k];
      std::vector<AsyncCopy> copies = std::move(warp.copies);
      copies.clear();
      warp = Warp();
      warp.copies = std::move(copies);
      warp.bases[0] = registers + registerStride * k;
      warp.bases[1] =
          reinterpret_cast<std::byte *>(const_cast<std::uint8_t *>(kernel.constants.data()));
      warp.predicates = block.predicates.data() + std::size_t(k) * kernel.predicates;
      warp.undefined = block.undefined.data() + undefinedStride * k;
      warp.undefinedPredicates = warp.undefined + registerStride / 128;
      warp.block = &block;
      warp.index = k;
      std::uint32_t left = launch.threads() - k * kLanes;
      warp.exists = left >= kLanes ? kAllLanes : (1u << left) - 1;
      for (auto [special, place] : kernel.specials)
        fillSpecial(warp, launch, special, warp.lanes<std::uint32_t>(place));
    }
  }

  /// Lets the warps of each barrier that is complete run on; false when there is none.
  bool release() {
    bool any = false;
    for (std::uint32_t k = 0; k < block.warpCount; ++k) {
      if (!block.warps[k].atBarrier)
        continue;
      std::uint32_t barrier = block.warps[k].barrier, arrived = 0;
      std::vector<Warp *> here;
      for (Warp &warp : block.warps)
        if (warp.atBarrier && warp.barrier == barrier) {
          here.push_back(&warp);
          arrived += static_cast<std::uint32_t>(__builtin_popcount(warp.exists));
        }
      std::uint32_t wanted = here.front()->barrierThreads;
      for (Warp *warp : here)
        if (warp->barrierThreads != wanted ||
            warp->current->line != here.front()->current->line)
          failAt(*warp, *warp->current, 0, FaultKind::Barrier,
                 "divergent barrier: warp " + std::to_string(here.front()->index) +
                     " waits at line " + std::to_string(here.front()->current->line));
      if (arrived != (wanted ? wanted : launch.threads()))
        continue;
      join(here);
      any = true;
    }
    return any;
  }

  /// Everything before the barrier, of those who met there, comes before everything after it.
  void join(const std::vector<Warp *> &here) {
    std::uint32_t seen[kLanes] = {}, latest = 0;
    for (const Warp *warp : here) {
      latest = std::max(latest, warp->clock);
      for (std::uint32_t k = 0; k < block.warpCount; ++k)
        seen[k] = std::max(seen[k], warp->seen[k]);
      seen[warp->index] = warp->clock;
    }
    bool all = here.size() == block.warpCount;
    if (latest >= kMaxClock)
      fail(FaultKind::Other, "kernel '" + launch.kernel->name + "': too many barriers");
    for (Warp *warp : here) {
      warp->atBarrier = false;
      warp->clock = latest + 1;
      for (std::uint32_t k = 0; k < block.warpCount; ++k)
        warp->seen[k] = all ? latest : seen[k];
      warp->seenLeast = *std::min_element(warp->seen, warp->seen + block.warpCount);
    }
  }

  [[noreturn]] void failStuck() {
    for (Warp &warp : block.warps)
      if (warp.atBarrier)
        failAt(warp, *warp.current, 0, FaultKind::Barrier,
               "divergent barrier: not all threads of the block come here");
    fail(FaultKind::Barrier, "kernel '" + launch.kernel->name + "' cannot go on");
  }

  const Launch &launch;
  Block block;
  std::size_t registerStride = 0, undefinedStride = 0;
};

void checkLaunch(const Launch &launch) {
  const Kernel &kernel = *launch.kernel;
  std::string name = "kernel '" + kernel.name + "': ";
  std::uint32_t threads = launch.threads();
  if (threads == 0 || threads > 1024)
    fail(FaultKind::Other, name + "a block of " + std::to_string(threads) + " threads");
  if (kernel.requiredThreads && threads != kernel.requiredThreads)
    fail(FaultKind::Other, name + "a block of " + std::to_string(threads) +
                               " threads, expected " + std::to_string(kernel.requiredThreads));
  if (kernel.maxThreads && threads > kernel.maxThreads)
    fail(FaultKind::Other, name + "a block of " + std::to_string(threads) +
                               " threads, expected at most " +
                               std::to_string(kernel.maxThreads));
}

} // namespace

void runLaunch(Launch &launch, DeviceMemory &memory, const Options &options,
               Counters &counters) {
  checkLaunch(launch);
  std::uint64_t blocks = std::uint64_t(launch.grid[0]) * launch.grid[1] * launch.grid[2];
  launch.memory = &memory;
  launch.options = &options;
  launch.firstTag = memory.nextBlocks(blocks);
  launch.blocks = static_cast<std::uint32_t>(blocks);
  launch.number = memory.launchNumber();
  Permutation order(blocks, options.seed * 31 + launch.number);
  std::atomic<std::uint64_t> next{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::optional<Fault> fault;
  auto work = [&] {
    Counters mine;
    try {
      Worker worker(launch, mine);
      for (std::uint64_t i; !stop && (i = next++) < blocks;)
        worker.run(order(i));
    } catch (const Fault &caught) {
      std::lock_guard lock(mutex);
      if (!fault)
        fault = caught;
      stop = true;
    }
    std::lock_guard lock(mutex);
    counters.add(mine);
  };
  std::uint64_t threads = launch.kernel->ordered
                              ? 1
                              : std::min<std::uint64_t>(std::max(1u, options.threads), blocks);
  std::vector<std::thread> workers;
  for (std::uint64_t t = 1; t < threads; ++t)
    workers.emplace_back(work);
  work();
  for (std::thread &worker : workers)
    worker.join();
  if (fault)
    throw *fault;
}

} // namespace ftc::emulator
