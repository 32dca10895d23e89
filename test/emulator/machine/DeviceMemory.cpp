#include "test/emulator/machine/DeviceMemory.h"

#include "test/emulator/ptx/Fault.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <sys/mman.h>

namespace ftc::emulator {

namespace {
constexpr std::uint64_t kAlignment = 512;
// Unallocated bytes between two allocations, so that running over an end is seen.
constexpr std::uint64_t kGap = 4096;
constexpr int kPoison = 0xFF;

void *reserve(std::uint64_t bytes) {
  void *mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED)
    fail(FaultKind::Other, "the emulator cannot reserve " + std::to_string(bytes) +
                               " bytes of addresses: lower FTC_EMULATOR_MEMORY");
  return mapped;
}

void discard(void *address, std::uint64_t bytes) {
  auto begin = (reinterpret_cast<std::uint64_t>(address) + 4095) / 4096 * 4096;
  auto end = (reinterpret_cast<std::uint64_t>(address) + bytes) / 4096 * 4096;
  if (begin < end)
    madvise(reinterpret_cast<void *>(begin), end - begin, MADV_DONTNEED);
}
} // namespace

DeviceMemory::DeviceMemory(std::uint64_t totalBytes)
    : total(totalBytes), reserved(2 * totalBytes + (std::uint64_t(1) << 30)) {
  base = reinterpret_cast<std::uint64_t>(reserve(reserved));
  writtenBits = static_cast<std::uint8_t *>(reserve(reserved / 8));
  tagWords = static_cast<WriteTag *>(reserve(reserved * 2));
  pageLaunches = static_cast<std::uint32_t *>(reserve(reserved / 1024));
}

DeviceMemory::~DeviceMemory() {
  munmap(reinterpret_cast<void *>(base), reserved);
  munmap(writtenBits, reserved / 8);
  munmap(tagWords, reserved * 2);
  munmap(pageLaunches, reserved / 1024);
}

std::uint64_t DeviceMemory::allocate(std::uint64_t bytes) {
  if (bytes > total || used + bytes > total)
    return 0;
  std::uint64_t length = (bytes + kGap + kAlignment - 1) / kAlignment * kAlignment;
  std::uint64_t begin = 0;
  if (next + length <= reserved) {
    begin = base + next + kDeviceTag;
    next += length;
    allocations.push_back({begin, begin + bytes, true, false});
  } else {
    for (std::size_t i = 0; i < allocations.size(); ++i) {
      Allocation &old = allocations[i];
      std::uint64_t end =
          i + 1 < allocations.size() ? allocations[i + 1].begin : base + reserved + kDeviceTag;
      if (old.live || end - old.begin < length)
        continue;
      begin = old.begin;
      old = {begin, begin + bytes, true, false};
      break;
    }
    if (begin == 0)
      return 0;
  }
  used += bytes;
  // Fresh pages are zeros, which hide mistakes; a large block's first and last megabyte do.
  std::uint64_t edge = std::min<std::uint64_t>(bytes, std::uint64_t(1) << 20);
  std::memset(host(begin), kPoison, edge);
  std::memset(host(begin + bytes - edge), kPoison, edge);
  markWritten(begin, bytes, false);
  return begin;
}

bool DeviceMemory::release(std::uint64_t address) {
  Allocation *found = findLive(address, 0);
  if (!found || found->begin != address)
    return false;
  std::uint64_t bytes = found->end - found->begin;
  found->live = false;
  used -= bytes;
  discard(host(address), bytes);
  std::uint64_t edge = std::min<std::uint64_t>(bytes, 4096);
  std::memset(host(address), kPoison, edge);
  std::memset(host(address + bytes - edge), kPoison, edge);
  markWritten(address, bytes, false);
  discard(tagWords + offset(address) / 4, bytes * 2);
  return true;
}

const Allocation *DeviceMemory::find(std::uint64_t address) const {
  auto after = std::upper_bound(
      allocations.begin(), allocations.end(), address,
      [](std::uint64_t value, const Allocation &entry) { return value < entry.begin; });
  return after == allocations.begin() ? nullptr : &*(after - 1);
}

Allocation *DeviceMemory::findLive(std::uint64_t address, std::uint64_t bytes) {
  const Allocation *found = find(address);
  if (!found || !found->live || address + bytes > found->end || address + bytes < address)
    return nullptr;
  return const_cast<Allocation *>(found);
}

std::string DeviceMemory::describe(std::uint64_t address) const {
  char hex[32];
  std::snprintf(hex, sizeof hex, "0x%llx", static_cast<unsigned long long>(address));
  const Allocation *found = find(address);
  if (!found || address > found->end + (std::uint64_t(1) << 40))
    return std::string(hex) + ", which is in no allocation";
  std::string what = (found->live ? "an allocation of " : "a freed allocation of ") +
                     std::to_string(found->end - found->begin) + " bytes";
  if (address < found->end)
    return std::string(hex) + ", byte " + std::to_string(address - found->begin) + " of " +
           what;
  return std::string(hex) + ", " + std::to_string(address - found->end + 1) + " bytes beyond " +
         what;
}

void DeviceMemory::markWritten(std::uint64_t address, std::uint64_t bytes, bool value) {
  std::uint64_t at = offset(address), end = at + bytes;
  if (!value && bytes > 65536) { // whole pages of the shadow become zeros again
    std::uint64_t first = (at + 63) / 64 * 64, last = end / 64 * 64;
    discard(writtenBits + first / 8, (last - first) / 8);
    std::uint64_t page =
        (reinterpret_cast<std::uint64_t>(writtenBits + first / 8) + 4095) / 4096 * 4096;
    std::uint64_t pageEnd =
        reinterpret_cast<std::uint64_t>(writtenBits + last / 8) / 4096 * 4096;
    if (page < pageEnd) {
      std::memset(writtenBits + first / 8, 0,
                  page - reinterpret_cast<std::uint64_t>(writtenBits + first / 8));
      std::memset(reinterpret_cast<void *>(pageEnd), 0,
                  reinterpret_cast<std::uint64_t>(writtenBits + last / 8) - pageEnd);
    } else {
      std::memset(writtenBits + first / 8, 0, (last - first) / 8);
    }
    markWritten(address, first - at, false);
    markWritten(address + (last - at), end - last, false);
    return;
  }
  auto set = [&](std::uint64_t byte, std::uint8_t bits) {
    writtenBits[byte] =
        static_cast<std::uint8_t>(value ? writtenBits[byte] | bits : writtenBits[byte] & ~bits);
  };
  for (; at < end && at % 8; ++at)
    set(at / 8, static_cast<std::uint8_t>(1u << (at % 8)));
  if (at >= end)
    return;
  std::memset(writtenBits + at / 8, value ? 0xFF : 0, (end - at) / 8);
  for (at = end / 8 * 8; at < end; ++at)
    set(at / 8, static_cast<std::uint8_t>(1u << (at % 8)));
}

std::uint64_t DeviceMemory::firstUnwritten(std::uint64_t address, std::uint64_t bytes) const {
  std::uint64_t begin = offset(address);
  for (std::uint64_t at = begin; at < begin + bytes;) {
    if (at % 64 == 0 && at + 64 <= begin + bytes) {
      std::uint64_t word;
      std::memcpy(&word, writtenBits + at / 8, 8);
      if (word == ~std::uint64_t(0)) {
        at += 64;
        continue;
      }
    }
    if (!(writtenBits[at / 8] >> (at % 8) & 1))
      return at - begin;
    ++at;
  }
  return bytes;
}

std::uint32_t DeviceMemory::nextBlocks(std::uint64_t blocks) {
  constexpr std::uint64_t limit = (std::uint64_t(1) << 28) - 2;
  if (blocks > limit)
    fail(FaultKind::Other, "a launch of " + std::to_string(blocks) + " blocks");
  if (lastBlock + blocks > limit) {
    madvise(tagWords, reserved * 2, MADV_DONTNEED);
    lastBlock = 0;
  }
  std::uint32_t first = lastBlock + 1;
  lastBlock += static_cast<std::uint32_t>(blocks);
  ++launches;
  return first;
}

} // namespace ftc::emulator
