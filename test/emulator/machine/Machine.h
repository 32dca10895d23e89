// The state of a running launch: blocks, warps of 32 lanes with registers as arrays of lanes,
// shared memory with its shadow, copies in flight.
#pragma once

#include "test/emulator/machine/DeviceMemory.h"
#include "test/emulator/machine/Program.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ftc::emulator {

constexpr std::uint32_t kLanes = 32;
constexpr std::uint32_t kAllLanes = ~std::uint32_t(0);

/// Settings of the emulator, from its environment variables.
struct Options {
  bool adversarial = false; // approximate functions off by their bounds, hardware's sums
  bool cost = false;        // count sectors and bank conflicts
  std::uint64_t seed = 1;   // order of blocks and warps
  unsigned threads = 1;     // host threads
  int capability = 80;
  std::uint64_t maxBranches = std::uint64_t(1) << 36; // taken backward by a warp, then it hangs
};

/// What was executed, for one kernel.
struct Counters {
  std::vector<std::uint64_t> executed; // warp instructions, by instruction
  std::vector<std::uint64_t> lanes;    // of memory and arithmetic instructions
  std::uint64_t globalRequests = 0, globalSectors = 0, idealSectors = 0;
  std::uint64_t sharedRequests = 0, sharedWaves = 0, idealWaves = 0;
  std::uint64_t globalBytes = 0;
  void add(const Counters &other);
};

struct Launch {
  const Kernel *kernel = nullptr;
  std::uint32_t grid[3] = {1, 1, 1}, block[3] = {1, 1, 1};
  std::uint32_t dynamicShared = 0;
  std::vector<std::uint8_t> parameters;
  // Set by the launcher.
  DeviceMemory *memory = nullptr;
  const Options *options = nullptr;
  std::uint32_t firstTag = 0, blocks = 0; // numbers of the blocks in WriteTag
  std::uint32_t number = 0;
  std::uint32_t threads() const { return block[0] * block[1] * block[2]; }
};

// Shadow entries of shared memory: [clock:21 | who:11]. `who` is a thread (below 1024) or:
constexpr std::uint32_t kWhoBits = 11, kWhoMask = (1u << kWhoBits) - 1;
constexpr std::uint32_t kWarpReaders = 1024; // + warp: several lanes of that warp
constexpr std::uint32_t kManyReaders = 1056; // several warps
constexpr std::uint32_t kInFlight = 1057;    // the destination of a cp.async
constexpr std::uint32_t kAtomic = 1058;
constexpr std::uint32_t kMaxClock = (1u << 21) - 2;

/// A cp.async of a warp. Its bytes arrive when its threads wait for them.
struct AsyncCopy {
  const Instruction *instruction = nullptr;
  std::uint32_t mask = 0;
  std::uint32_t destination[kLanes];
  std::uint64_t source[kLanes];
  std::uint32_t sourceBytes[kLanes];
  std::uint32_t group[kLanes];
};

struct Block;

struct Warp {
  std::byte *bases[2] = {}; // registers, constants
  std::uint32_t *predicates = nullptr;
  Block *block = nullptr;
  std::uint32_t index = 0;
  std::uint32_t exists = 0; // lanes that have a thread
  std::uint32_t exited = 0;
  std::uint32_t blocked = 0; // wait at their pc for other lanes of the warp
  std::int32_t pc[kLanes] = {};
  const Instruction *current = nullptr; // for messages

  // Vector clocks of the race check: what of each warp is ordered before this one.
  std::uint32_t clock = 1;
  std::uint32_t seen[kLanes] = {};
  std::uint32_t seenLeast = 0; // the least over all warps of the block

  bool atBarrier = false, finished = false;
  std::uint32_t barrier = 0, barrierThreads = 0;

  std::uint32_t committed[kLanes] = {};
  std::vector<AsyncCopy> copies;

  // Lanes whose value means nothing, by register (place / 128) and predicate: they were loaded
  // from memory that was never written, or that another block or thread writes. That is an
  // error where such a value is stored or decides something: kernels may load what lies behind
  // a row, as long as they do not use it.
  bool tainted = false;
  std::uint32_t *undefined = nullptr, *undefinedPredicates = nullptr;
  std::uint32_t loaded = 0; // undefined lanes of the load or shuffle just executed
  Fault reason{FaultKind::Other, ""};
  std::uint64_t backward = 0; // branches taken backward

  void *at(Ref ref) const { return bases[ref & 1] + (ref & ~Ref(1)); }
  template <typename T> T *lanes(Ref ref) const { return static_cast<T *>(at(ref)); }
};

/// What a host thread reuses from block to block.
struct Block {
  const Launch *launch = nullptr;
  const Kernel *kernel = nullptr;
  std::uint32_t index[3] = {};
  std::uint32_t tag = 0; // in WriteTag
  std::uint32_t warpCount = 0;
  std::uint32_t sharedBytes = 0; // static and dynamic
  std::byte *shared = nullptr;
  std::uint32_t *writers = nullptr, *readers = nullptr; // a granule an entry; 0: never
  std::uint32_t granuleShift = 2;
  std::byte *local = nullptr; // localBytes of each thread
  std::uint8_t *localWritten = nullptr;
  std::vector<Warp> warps;
  std::vector<Allocation> cached; // by number of the memory instruction
  Counters *counters = nullptr;

  std::vector<std::byte> registers;
  std::vector<std::uint32_t> predicates, undefined;
  std::vector<std::byte> sharedStorage, localStorage;
  std::vector<std::uint32_t> shadowStorage;
  std::vector<std::uint8_t> localShadow;
};

/// "kernel 'k', line 7: `...`: block (0, 0, 0), thread 5: " + what.
[[noreturn]] void failAt(const Warp &warp, const Instruction &instruction, unsigned lane,
                         FaultKind kind, const std::string &what);

enum class Stop { Finished, Barrier };

/// One instruction set's compiled code: its handlers, and the loop that runs a warp until it
/// ends or waits at a barrier.
struct HandlerEntry {
  const char *name;      // canonical opcode
  const char *signature; // "w=ww": destinations, then sources, by width (p h w l)
  Handler run;
  Pipe pipe;
};
struct Executor {
  const HandlerEntry *entries;
  std::size_t count;
  Stop (*run)(Warp &);
  const char *name;
};
const Executor &executor();

/// Runs a launch to its end. Throws Fault. Counts into `counters`.
void runLaunch(Launch &launch, DeviceMemory &memory, const Options &options,
               Counters &counters);

} // namespace ftc::emulator
