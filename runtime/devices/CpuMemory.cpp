// Large buffers are mapped on huge-page boundaries and advised; small ones come from the heap.
#include "runtime/devices/CpuMemory.h"

#include "runtime/abi/Kernel.h"
#include "runtime/support/Text.h"

#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace ftc::rt {

static constexpr std::int64_t kHugePage = std::int64_t(2) << 20;
static constexpr std::int64_t kMaxBytes = std::int64_t(1) << 47;

static bool isMapped(std::int64_t bytes) { return bytes >= kHugePage; }

static std::int64_t roundUp(std::int64_t value, std::int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

/// Length of the mapping that holds `bytes` and the slack.
static std::int64_t mappedLength(std::int64_t bytes) {
  return roundUp(bytes + abi::kBufferSlack, 4096);
}

Result<DeviceBuffer> allocateCpuMemory(std::int64_t bytes, Contents contents) {
  auto failure = [&] {
    return Status::error("cannot allocate " +
                         describeBytes(bytes < 0 ? 0 : static_cast<std::uint64_t>(bytes)) +
                         " of memory: lower --max_tokens when compiling, or use a machine "
                         "with more memory");
  };
  if (bytes < 0 || bytes > kMaxBytes)
    return failure();
  if (!isMapped(bytes)) {
    void *memory = std::aligned_alloc(
        abi::kBufferAlignment, roundUp(bytes + abi::kBufferSlack, abi::kBufferAlignment));
    if (!memory)
      return failure();
    if (contents == Contents::Zeros)
      std::memset(memory, 0, static_cast<std::size_t>(bytes));
    return DeviceBuffer{static_cast<std::byte *>(memory), bytes};
  }
  // Fresh mappings are zeros. Map one huge page more, then give back what lies around the
  // aligned part.
  std::int64_t length = mappedLength(bytes);
  void *mapped = mmap(nullptr, length + kHugePage, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED)
    return failure();
  auto base = reinterpret_cast<std::intptr_t>(mapped);
  std::intptr_t aligned = roundUp(base, kHugePage);
  if (aligned > base)
    munmap(mapped, aligned - base);
  std::intptr_t tail = base + length + kHugePage - (aligned + length);
  if (tail > 0)
    munmap(reinterpret_cast<void *>(aligned + length), tail);
  auto *address = reinterpret_cast<std::byte *>(aligned);
  madvise(address, length, MADV_HUGEPAGE); // advice: small pages do as well
  return DeviceBuffer{address, bytes};
}

void freeCpuMemory(DeviceBuffer buffer) {
  if (!buffer.address)
    return;
  if (isMapped(buffer.bytes))
    munmap(buffer.address, mappedLength(buffer.bytes));
  else
    std::free(buffer.address);
}

void keepSmallPages(std::span<std::byte> part) {
  constexpr std::int64_t kSmallPage = 4096;
  std::intptr_t begin = roundUp(reinterpret_cast<std::intptr_t>(part.data()), kSmallPage);
  std::intptr_t end = (reinterpret_cast<std::intptr_t>(part.data()) +
                       static_cast<std::intptr_t>(part.size())) /
                      kSmallPage * kSmallPage;
  if (end > begin)
    madvise(reinterpret_cast<void *>(begin), static_cast<std::size_t>(end - begin),
            MADV_NOHUGEPAGE); // advice: large pages do as well, in more memory
}

} // namespace ftc::rt
