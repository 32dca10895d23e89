// Chunks of 1 MiB to 64 MiB, each as large as all before it and allocated on the disk before it is
// mapped: a full disk is found then, not by a signal when a page is written.
#include "runtime/support/ScratchFile.h"

#include "runtime/support/Text.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <limits>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace ftc::rt {

static constexpr std::int64_t kLeastChunk = std::int64_t(1) << 20;
static constexpr std::int64_t kMostChunk = std::int64_t(64) << 20;
static constexpr std::int64_t kAlignment = 64;

/// An open file without a name, or -1 with errno.
static int openUnnamed(const std::string &directory) {
  int descriptor = open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
    return descriptor;
  std::string name = directory + "/.ftrt-scratch-XXXXXX";
  descriptor = mkostemp(name.data(), O_CLOEXEC);
  if (descriptor >= 0)
    unlink(name.c_str());
  return descriptor;
}

static bool allocate(int descriptor, std::int64_t offset, std::int64_t length) {
  int error = 0;
  do
    error = posix_fallocate(descriptor, offset, length);
  while (error == EINTR);
  return error == 0;
}

/// Bytes that the process may still map where `ulimit -v` limits it.
static std::int64_t addressesLeft() {
  rlimit most{};
  if (getrlimit(RLIMIT_AS, &most) != 0 || most.rlim_cur == RLIM_INFINITY)
    return std::numeric_limits<std::int64_t>::max();
  std::int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return static_cast<std::int64_t>(most.rlim_cur) - pages * sysconf(_SC_PAGESIZE);
}

Result<std::unique_ptr<ScratchFile>> ScratchFile::make(const std::string &directory) {
  int descriptor = openUnnamed(directory);
  struct statvfs space {};
  if (descriptor < 0 || fstatvfs(descriptor, &space) != 0) {
    int error = errno;
    if (descriptor >= 0)
      close(descriptor);
    return Status::error(quote(directory, 200) + ": expected to make a temporary file there: " +
                         std::strerror(error));
  }
  auto free = static_cast<std::int64_t>(space.f_bavail) * static_cast<std::int64_t>(space.f_frsize);
  return std::unique_ptr<ScratchFile>(new ScratchFile(descriptor, free / 2));
}

ScratchFile::~ScratchFile() {
  for (const Chunk &chunk : chunks)
    munmap(chunk.address, static_cast<std::size_t>(chunk.length));
  close(descriptor);
}

std::byte *ScratchFile::append(std::int64_t bytes) {
  bytes = (std::max<std::int64_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
  if (full)
    return nullptr;
  if (bytes > left) {
    std::int64_t unit = std::clamp(fileBytes, kLeastChunk, kMostChunk);
    std::int64_t length = (bytes + unit - 1) / unit * unit;
    full = fileBytes + length > limit || length > addressesLeft() / 2 ||
           !allocate(descriptor, fileBytes, length);
    void *mapped = full ? MAP_FAILED
                        : mmap(nullptr, static_cast<std::size_t>(length), PROT_READ | PROT_WRITE,
                               MAP_SHARED, descriptor, fileBytes);
    full = mapped == MAP_FAILED;
    if (full)
      return nullptr;
    chunks.push_back({static_cast<std::byte *>(mapped), length});
    fileBytes += length;
    left = length;
  }
  const Chunk &last = chunks.back();
  std::byte *address = last.address + (last.length - left);
  left -= bytes;
  return address;
}

} // namespace ftc::rt
