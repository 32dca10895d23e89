// The global memory of the stand-in GPU: one reserved range of host addresses, seen by programs
// at addresses that the host cannot follow, with a shadow that knows what is allocated, what
// was written, and which block and thread wrote it last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ftc::emulator {

/// Device address = host address + kDeviceTag: not canonical, so following it on the host
/// traps.
constexpr std::uint64_t kDeviceTag = std::uint64_t(0x40) << 52;

struct Allocation {
  std::uint64_t begin = 0, end = 0; // device addresses
  bool live = false;
  bool constant = false; // .const: may not be written
};

/// The last write to a word of 4 bytes: [block:28 | bytes:4 | thread:11 | clock:21] from the
/// top. Blocks are numbered over all launches, from 1; 0: before any launch.
using WriteTag = std::uint64_t;

class DeviceMemory {
public:
  explicit DeviceMemory(std::uint64_t totalBytes);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory &) = delete;
  DeviceMemory &operator=(const DeviceMemory &) = delete;

  /// Device address of fresh memory, aligned to 512 bytes, its contents unwritten and poisoned;
  /// 0 where there is no room. Freed addresses are given out again as late as possible.
  std::uint64_t allocate(std::uint64_t bytes);
  /// False when `address` is no live allocation's begin. The memory is poisoned.
  bool release(std::uint64_t address);

  std::uint64_t totalBytes() const { return total; }
  std::uint64_t usedBytes() const { return used; }

  /// The allocation that contains `address`, live or freed, or the nearest one below; null if
  /// none.
  const Allocation *find(std::uint64_t address) const;
  Allocation *findLive(std::uint64_t address, std::uint64_t bytes);
  /// "0x... is 12 bytes behind an allocation of 64 bytes" and the like.
  std::string describe(std::uint64_t address) const;

  std::byte *host(std::uint64_t address) const {
    return reinterpret_cast<std::byte *>(address - kDeviceTag);
  }
  std::uint64_t offset(std::uint64_t address) const { return address - kDeviceTag - base; }
  /// A bit a byte: it was written.
  std::uint8_t *written() const { return writtenBits; }
  WriteTag *tags() const { return tagWords; }
  /// The last launch that wrote a page of 4 KiB.
  std::uint32_t *pages() const { return pageLaunches; }

  void markWritten(std::uint64_t address, std::uint64_t bytes, bool value = true);
  /// Offset of the first byte that was not written, or `bytes`.
  std::uint64_t firstUnwritten(std::uint64_t address, std::uint64_t bytes) const;
  /// Numbers for the blocks of a launch: the first of `blocks` in a row. Starts over, with all
  /// tags cleared, when they run out.
  std::uint32_t nextBlocks(std::uint64_t blocks);
  std::uint32_t launchNumber() const { return launches; }

private:
  std::uint64_t base = 0, total, used = 0, reserved = 0, next = 0;
  std::uint8_t *writtenBits = nullptr;
  WriteTag *tagWords = nullptr;
  std::uint32_t *pageLaunches = nullptr;
  std::uint32_t lastBlock = 0, launches = 0;
  std::vector<Allocation> allocations; // by address
};

} // namespace ftc::emulator
