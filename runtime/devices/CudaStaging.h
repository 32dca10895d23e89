// Pinned host memory between pageable arrays and a CUDA device: blocks in a ring, each free
// again when the copies that use it are done.
#pragma once

#include "runtime/devices/CudaDriver.h"

#include <span>
#include <vector>

namespace ftc::rt {

class CudaStaging {
public:
  CudaStaging(const cuda::Driver &driver, cuda::Stream stream)
      : driver(driver), stream(stream) {}
  ~CudaStaging();
  CudaStaging(const CudaStaging &) = delete;
  CudaStaging &operator=(const CudaStaging &) = delete;

  /// Copies on the stream. The host's bytes are read before upload returns; they are written by
  /// download or by finish, at the latest.
  Status upload(cuda::DevicePointer to, const void *host, std::size_t bytes);
  Status download(void *host, cuda::DevicePointer from, std::size_t bytes);
  /// After the stream was synchronized: hands out what was downloaded.
  void finish();

private:
  struct Block {
    std::byte *memory = nullptr;
    std::size_t used = 0;
    cuda::Event done = nullptr; // behind the last copy that uses the block
    bool recorded = false;
  };
  struct Pending {
    void *host;
    const std::byte *staged;
    std::size_t bytes;
    std::size_t block;
  };
  /// Room for up to `bytes`, at least one byte, in the current block or the next one.
  Result<std::span<std::byte>> room(std::size_t bytes);
  Status record();
  void handOut(std::size_t block);

  const cuda::Driver &driver;
  cuda::Stream stream;
  std::vector<Block> blocks;
  std::vector<Pending> pending;
  std::size_t current = 0;
};

} // namespace ftc::rt
