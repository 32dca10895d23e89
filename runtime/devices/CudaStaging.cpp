#include "runtime/devices/CudaStaging.h"

#include <algorithm>
#include <cstring>

namespace ftc::rt {

namespace {
constexpr std::size_t kBlocks = 4;
constexpr std::size_t kBlockBytes = std::size_t(4) << 20;
constexpr std::size_t kAlignment = 256;
} // namespace

CudaStaging::~CudaStaging() {
  for (Block &block : blocks) {
    if (block.done)
      driver.eventDestroy(block.done);
    if (block.memory)
      driver.memFreeHost(block.memory);
  }
}

Result<std::span<std::byte>> CudaStaging::room(std::size_t bytes) {
  if (blocks.empty() || blocks[current].used == kBlockBytes) {
    if (blocks.size() < kBlocks) {
      Block block;
      void *memory = nullptr;
      FTC_RETURN_IF_ERROR(
          driver.check(driver.memHostAlloc(&memory, kBlockBytes, 0), "cuMemHostAlloc"));
      block.memory = static_cast<std::byte *>(memory);
      blocks.push_back(block);
      FTC_RETURN_IF_ERROR(driver.check(
          driver.eventCreate(&blocks.back().done, cuda::kEventDisableTiming), "cuEventCreate"));
      current = blocks.size() - 1;
    } else {
      current = (current + 1) % kBlocks;
      if (blocks[current].recorded)
        FTC_RETURN_IF_ERROR(
            driver.check(driver.eventSynchronize(blocks[current].done), "cuEventSynchronize"));
      handOut(current);
    }
    blocks[current].used = 0;
  }
  Block &block = blocks[current];
  std::size_t taken = std::min(bytes, kBlockBytes - block.used);
  std::span<std::byte> out(block.memory + block.used, taken);
  block.used =
      std::min(kBlockBytes, (block.used + taken + kAlignment - 1) / kAlignment * kAlignment);
  return out;
}

Status CudaStaging::record() {
  blocks[current].recorded = true;
  return driver.check(driver.eventRecord(blocks[current].done, stream), "cuEventRecord");
}

Status CudaStaging::upload(cuda::DevicePointer to, const void *host, std::size_t bytes) {
  const auto *from = static_cast<const std::byte *>(host);
  while (bytes > 0) {
    FTC_ASSIGN_OR_RETURN(std::span<std::byte> part, room(bytes));
    std::memcpy(part.data(), from, part.size());
    FTC_RETURN_IF_ERROR(driver.check(
        driver.memcpyHtoDAsync(to, part.data(), part.size(), stream), "cuMemcpyHtoDAsync"));
    FTC_RETURN_IF_ERROR(record());
    from += part.size();
    to += part.size();
    bytes -= part.size();
  }
  return Status::ok();
}

Status CudaStaging::download(void *host, cuda::DevicePointer from, std::size_t bytes) {
  auto *to = static_cast<std::byte *>(host);
  while (bytes > 0) {
    FTC_ASSIGN_OR_RETURN(std::span<std::byte> part, room(bytes));
    FTC_RETURN_IF_ERROR(driver.check(
        driver.memcpyDtoHAsync(part.data(), from, part.size(), stream), "cuMemcpyDtoHAsync"));
    pending.push_back({to, part.data(), part.size(), current});
    FTC_RETURN_IF_ERROR(record());
    from += part.size();
    to += part.size();
    bytes -= part.size();
  }
  return Status::ok();
}

void CudaStaging::handOut(std::size_t block) {
  std::erase_if(pending, [&](const Pending &copy) {
    if (copy.block != block)
      return false;
    std::memcpy(copy.host, copy.staged, copy.bytes);
    return true;
  });
}

void CudaStaging::finish() {
  for (std::size_t block = 0; block < blocks.size(); ++block)
    handOut(block);
  if (!blocks.empty())
    blocks[current].used = 0;
}

} // namespace ftc::rt
