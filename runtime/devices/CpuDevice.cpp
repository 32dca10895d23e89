// The eager CPU device: each command has taken effect when its call returns. Large fills and
// copies go through the pool like kernels.
#include "runtime/devices/CpuDevice.h"

#include "runtime/devices/CpuFeatures.h"
#include "runtime/devices/CpuMemory.h"
#include "runtime/devices/CpuModule.h"
#include "runtime/devices/CudaDevice.h"
#include "runtime/devices/ThreadPool.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace ftc::rt {

static constexpr unsigned kMaxThreads = 1024;
// A thread joins a launch for each so many nanoseconds of guessed work: what waking it costs.
static constexpr std::int64_t kNanosecondsToShare = 5000;
// Bytes of one task of a large fill or copy.
static constexpr std::int64_t kMoveBytes = 256 * 1024;

static void fillKernel(void *const *buffers, const std::int64_t *ints, const double *, void *,
                       std::int64_t begin, std::int64_t end) {
  std::int64_t from = begin * kMoveBytes, to = std::min(ints[0], end * kMoveBytes);
  std::memset(static_cast<std::byte *>(buffers[0]) + from, static_cast<int>(ints[1]),
              static_cast<std::size_t>(to - from));
}

static void copyKernel(void *const *buffers, const std::int64_t *ints, const double *, void *,
                       std::int64_t begin, std::int64_t end) {
  std::int64_t from = begin * kMoveBytes, to = std::min(ints[0], end * kMoveBytes);
  std::memcpy(static_cast<std::byte *>(buffers[0]) + from,
              static_cast<const std::byte *>(buffers[1]) + from,
              static_cast<std::size_t>(to - from));
}

namespace {
class CpuDevice final : public Device {
public:
  explicit CpuDevice(std::unique_ptr<ThreadPool> threads) : pool(std::move(threads)) {
    facts.name = facts.target = "cpu";
    facts.isa = cpuLevel();
    facts.features = cpuFeatures();
    facts.threads = pool->threads();
    facts.hostVisible = true;
    facts.description = cpuName() + ", " + std::to_string(pool->threads()) +
                        (pool->threads() == 1 ? " thread" : " threads");
  }

  const DeviceProperties &properties() const override { return facts; }
  Result<DeviceBuffer> allocate(std::int64_t bytes, Contents contents) override {
    return allocateCpuMemory(bytes, contents);
  }
  void free(DeviceBuffer buffer) override { freeCpuMemory(buffer); }
  Status supports(std::string_view isa, std::span<const std::string_view> features) override {
    return checkCpu(isa, features);
  }

  Result<std::unique_ptr<Module>> loadModule(std::span<const std::uint8_t> object,
                                             std::span<const KernelSpec> kernels,
                                             std::span<const std::uint8_t>) override {
    for (const KernelSpec &kernel : kernels)
      FTC_RETURN_IF_ERROR(pool->reserveScratch(kernel.scratchBytes));
    return loadCpuModule(object, kernels);
  }

  Status launch(const LaunchArguments &arguments) override {
    if (arguments.grid < 0)
      return Status::error("a launch over " + std::to_string(arguments.grid) + " tasks");
    std::int64_t useful = arguments.nanoseconds < 0
                              ? kMaxThreads
                              : 1 + arguments.nanoseconds / kNanosecondsToShare;
    pool->run({reinterpret_cast<abi::KernelFn>(arguments.kernel.function),
               arguments.buffers.data(), arguments.ints.data(), arguments.scalars.data(),
               arguments.grid,
               static_cast<unsigned>(std::min<std::int64_t>(useful, kMaxThreads))});
    return Status::ok();
  }

  Status copy(std::byte *destination, const std::byte *source, std::int64_t bytes) override {
    void *buffers[] = {destination, const_cast<std::byte *>(source)};
    pool->run({copyKernel, buffers, &bytes, nullptr, (bytes + kMoveBytes - 1) / kMoveBytes});
    return Status::ok();
  }

  Status fill(std::byte *destination, std::uint8_t value, std::int64_t bytes) override {
    void *buffers[] = {destination};
    std::int64_t ints[] = {bytes, value};
    pool->run({fillKernel, buffers, ints, nullptr, (bytes + kMoveBytes - 1) / kMoveBytes});
    return Status::ok();
  }

  Status upload(std::byte *destination, const void *host, std::int64_t bytes) override {
    return copy(destination, static_cast<const std::byte *>(host), bytes);
  }
  Status download(void *host, const std::byte *source, std::int64_t bytes) override {
    return copy(static_cast<std::byte *>(host), source, bytes);
  }
  Status synchronize() override { return Status::ok(); }

private:
  DeviceProperties facts;
  std::unique_ptr<ThreadPool> pool;
};
} // namespace

Result<std::shared_ptr<Device>> makeCpuDevice(unsigned threads) {
  if (threads > kMaxThreads)
    return Status::usage("--threads " + std::to_string(threads) + ": at most " +
                         std::to_string(kMaxThreads));
  std::vector<int> cpus = usableCpus();
  FTC_ASSIGN_OR_RETURN(
      auto pool,
      ThreadPool::create(threads ? threads : static_cast<unsigned>(cpus.size()), cpus,
                         /*orFewer=*/threads == 0));
  return std::shared_ptr<Device>(std::make_shared<CpuDevice>(std::move(pool)));
}

Result<std::shared_ptr<Device>> makeDevice(std::string_view name, unsigned threads) {
  if (name == "cpu")
    return makeCpuDevice(threads);
  if (name == "cpu-async")
    return makeAsyncCpuDevice();
  if (name == "cuda")
    return makeCudaDevice();
  int ordinal = 0;
  const char *end = name.data() + name.size();
  if (name.starts_with("cuda:") &&
      std::from_chars(name.data() + 5, end, ordinal).ptr == end && name.size() > 5)
    return makeCudaDevice(ordinal);
  return Status::usage("--device " + quote(name) + ": expected cpu, cuda or cuda:N");
}

} // namespace ftc::rt
