// Device and pinned memory, copies and fills.
#include "test/emulator/driver/State.h"

#include <cstdlib>
#include <cstring>

using namespace ftc::rt::cuda;
using namespace ftc::emulator;

static Result allocate(DevicePointer *address, std::size_t bytes) {
  if (!address || bytes == 0)
    return kInvalidValue;
  *address = state().memory->allocate(bytes);
  if (*address == 0)
    return refuse(
        kOutOfMemory,
        "out of memory: " + std::to_string(bytes) + " bytes, free are " +
            std::to_string(state().memory->totalBytes() - state().memory->usedBytes()));
  return kSuccess;
}

extern "C" {

Result cuMemAlloc_v2(DevicePointer *address, std::size_t bytes) {
  return guarded([&] { return allocate(address, bytes); });
}

Result cuMemFree_v2(DevicePointer address) {
  return guarded([&]() -> Result {
    if (address == 0)
      return kSuccess;
    if (!state().memory->release(address))
      return refuse(kInvalidValue, "memory that was not allocated, or is free already: " +
                                       state().memory->describe(address));
    return kSuccess;
  });
}

Result cuMemAllocAsync(DevicePointer *address, std::size_t bytes, Stream) {
  return guarded([&] { return allocate(address, bytes); });
}

Result cuMemFreeAsync(DevicePointer address, Stream stream) {
  return guarded([&] {
    Operation operation = {};
    operation.kind = Operation::Kind::Free;
    operation.to = address;
    return enqueue(stream, std::move(operation));
  });
}

Result cuMemGetInfo_v2(std::size_t *free, std::size_t *total) {
  return guarded([&] {
    *total = state().memory->totalBytes();
    *free = *total - state().memory->usedBytes();
    return kSuccess;
  });
}

Result cuMemHostAlloc(void **address, std::size_t bytes, unsigned) {
  return guarded([&]() -> Result {
    if (bytes == 0)
      return kInvalidValue;
    *address = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
    if (!*address)
      return kOutOfMemory;
    std::memset(*address, 0xFF, bytes);
    state().pinned[reinterpret_cast<std::uintptr_t>(*address)] = bytes;
    return kSuccess;
  });
}

Result cuMemFreeHost(void *address) {
  State &s = state(); // works after an error too
  std::lock_guard lock(s.mutex);
  if (s.pinned.erase(reinterpret_cast<std::uintptr_t>(address)) == 0)
    return kInvalidValue;
  std::free(address);
  return kSuccess;
}

static Operation upload(DevicePointer to, const void *from, std::size_t bytes, bool now) {
  Operation operation = {};
  operation.kind = Operation::Kind::Upload;
  operation.to = to;
  operation.bytes = bytes;
  if (!now && state().isPinned(from, bytes))
    operation.source = from;
  else
    operation.bytesNow.assign(static_cast<const std::uint8_t *>(from),
                              static_cast<const std::uint8_t *>(from) + bytes);
  return operation;
}

Result cuMemcpyHtoDAsync_v2(DevicePointer to, const void *from, std::size_t bytes,
                            Stream stream) {
  return guarded([&] { return enqueue(stream, upload(to, from, bytes, false)); });
}

Result cuMemcpyDtoHAsync_v2(void *to, DevicePointer from, std::size_t bytes, Stream stream) {
  return guarded([&] {
    Operation operation = {};
    operation.kind = Operation::Kind::Download;
    operation.destination = to;
    operation.from = from;
    operation.bytes = bytes;
    Result code = enqueue(stream, std::move(operation));
    // Into pageable memory the copy is complete when the call returns.
    if (code == kSuccess && !state().isPinned(to, bytes) && !(stream && stream->capturing))
      drain(stream ? *stream : state().defaultStream);
    return code;
  });
}

Result cuMemcpyDtoDAsync_v2(DevicePointer to, DevicePointer from, std::size_t bytes,
                            Stream stream) {
  return guarded([&] {
    Operation operation = {};
    operation.kind = Operation::Kind::Copy;
    operation.to = to;
    operation.from = from;
    operation.bytes = bytes;
    return enqueue(stream, std::move(operation));
  });
}

Result cuMemcpyHtoD_v2(DevicePointer to, const void *from, std::size_t bytes) {
  return guarded([&] {
    drainAll();
    Result code = enqueue(nullptr, upload(to, from, bytes, true));
    drain(state().defaultStream);
    return code;
  });
}

Result cuMemcpyDtoH_v2(void *to, DevicePointer from, std::size_t bytes) {
  return guarded([&] {
    drainAll();
    Operation operation = {};
    operation.kind = Operation::Kind::Download;
    operation.destination = to;
    operation.from = from;
    operation.bytes = bytes;
    Result code = enqueue(nullptr, std::move(operation));
    drain(state().defaultStream);
    return code;
  });
}

Result cuMemsetD8Async(DevicePointer to, unsigned char value, std::size_t bytes,
                       Stream stream) {
  return guarded([&] {
    Operation operation = {};
    operation.kind = Operation::Kind::Fill8;
    operation.to = to;
    operation.bytes = bytes;
    operation.value = value;
    return enqueue(stream, std::move(operation));
  });
}

Result cuMemsetD32Async(DevicePointer to, unsigned value, std::size_t words, Stream stream) {
  return guarded([&] {
    Operation operation = {};
    operation.kind = Operation::Kind::Fill32;
    operation.to = to;
    operation.bytes = words * 4;
    operation.value = value;
    return enqueue(stream, std::move(operation));
  });
}
}
