// The conformance device: nothing happens before synchronize. Its memory cannot be touched by
// the host at all, is poisoned when fresh and when freed, and is guarded at its end.
#include "runtime/devices/CpuDevice.h"

#include "runtime/abi/Kernel.h"
#include "runtime/devices/CpuFeatures.h"
#include "runtime/devices/CpuModule.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cstring>
#include <sys/mman.h>
#include <thread>

namespace ftc::rt {

namespace {
// NaN in every float type, -1 in every integer type.
constexpr int kPoison = 0xFF;
constexpr std::size_t kPage = 4096;
// Freed memory is kept, poisoned, until this many bytes of it have gathered.
constexpr std::size_t kQuarantineBytes = std::size_t(64) << 20;

struct Block {
  std::byte *base = nullptr;
  std::size_t length = 0; // of the mapping
  std::size_t bytes = 0;  // asked for; the rest is guard
};

struct Queued {
  enum class Kind { Launch, Copy, Fill } kind;
  KernelHandle kernel;
  std::vector<void *> buffers;
  std::vector<std::int64_t> ints;
  std::vector<double> scalars;
  std::int64_t grid = 0;
  void *destination = nullptr;
  const void *source = nullptr;
  std::uint8_t value = 0;
  std::int64_t bytes = 0;
};

class AsyncCpuDevice final : public Device {
public:
  AsyncCpuDevice() {
    facts.name = "cpu-async";
    facts.target = "cpu";
    facts.poisons = true;
    facts.isa = cpuLevel();
    facts.features = cpuFeatures();
    facts.description = cpuName() + ", as late as legal";
  }
  ~AsyncCpuDevice() override {
    for (const Block &block : blocks)
      munmap(block.base, block.length);
    for (const Block &block : quarantine)
      munmap(block.base, block.length);
  }

  const DeviceProperties &properties() const override { return facts; }
  Status supports(std::string_view isa, std::span<const std::string_view> features) override {
    return checkCpu(isa, features);
  }
  Result<std::unique_ptr<Module>> loadModule(std::span<const std::uint8_t> object,
                                             std::span<const KernelSpec> kernels,
                                             std::span<const std::uint8_t>) override {
    return loadCpuModule(object, kernels);
  }

  Result<DeviceBuffer> allocate(std::int64_t bytes, Contents contents) override;
  void free(DeviceBuffer buffer) override;
  Status launch(const LaunchArguments &arguments) override;
  Status copy(std::byte *destination, const std::byte *source, std::int64_t bytes) override {
    return enqueueMove(destination, source, bytes);
  }
  Status upload(std::byte *destination, const void *host, std::int64_t bytes) override {
    return enqueueMove(destination, host, bytes);
  }
  Status download(void *host, const std::byte *source, std::int64_t bytes) override {
    return enqueueMove(host, source, bytes);
  }
  Status fill(std::byte *destination, std::uint8_t value, std::int64_t bytes) override {
    Queued &command = queue.emplace_back();
    command.kind = Queued::Kind::Fill;
    command.destination = destination;
    command.value = value;
    command.bytes = bytes;
    return Status::ok();
  }
  Status synchronize() override;

private:
  Status enqueueMove(void *destination, const void *source, std::int64_t bytes) {
    Queued &command = queue.emplace_back();
    command.kind = Queued::Kind::Copy;
    command.destination = destination;
    command.source = source;
    command.bytes = bytes;
    return Status::ok();
  }
  void protect(int protection) {
    for (const Block &block : blocks)
      mprotect(block.base, block.length, protection);
    for (const Block &block : quarantine)
      mprotect(block.base, block.length, protection);
  }
  Status execute();
  void executeLaunch(const Queued &command);
  Status checkGuards(std::size_t commandIndex) const;

  DeviceProperties facts;
  std::vector<Queued> queue;
  std::vector<Block> blocks;
  std::vector<Block> quarantine;
  std::size_t quarantined = 0;
  Status failure;
};
} // namespace

Result<DeviceBuffer> AsyncCpuDevice::allocate(std::int64_t bytes, Contents contents) {
  Block block;
  if (bytes >= 0 && bytes < (std::int64_t(1) << 47)) {
    block.bytes = static_cast<std::size_t>(bytes);
    block.length = (block.bytes + abi::kBufferSlack + kPage - 1) / kPage * kPage;
    void *mapped = mmap(nullptr, block.length, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    block.base = mapped == MAP_FAILED ? nullptr : static_cast<std::byte *>(mapped);
  }
  if (!block.base)
    return Status::error("cannot allocate " + std::to_string(bytes) + " bytes of memory");
  std::memset(block.base, kPoison, block.length);
  if (contents == Contents::Zeros)
    std::memset(block.base, 0, block.bytes);
  mprotect(block.base, block.length, PROT_NONE);
  blocks.push_back(block);
  return DeviceBuffer{block.base, bytes};
}

void AsyncCpuDevice::free(DeviceBuffer buffer) {
  auto found = std::find_if(blocks.begin(), blocks.end(), [&](const Block &block) {
    return block.base == buffer.address;
  });
  if (found == blocks.end())
    return;
  if (!queue.empty() && failure)
    failure = Status::error("memory was freed while " + std::to_string(queue.size()) +
                            " commands were pending: synchronize first");
  mprotect(found->base, found->length, PROT_READ | PROT_WRITE);
  std::memset(found->base, kPoison, found->length);
  mprotect(found->base, found->length, PROT_NONE);
  quarantined += found->length;
  quarantine.push_back(*found);
  blocks.erase(found);
  while (quarantined > kQuarantineBytes) {
    munmap(quarantine.front().base, quarantine.front().length);
    quarantined -= quarantine.front().length;
    quarantine.erase(quarantine.begin());
  }
}

Status AsyncCpuDevice::launch(const LaunchArguments &arguments) {
  if (arguments.grid < 0)
    return Status::error("a launch over " + std::to_string(arguments.grid) + " tasks");
  Queued &command = queue.emplace_back();
  command.kind = Queued::Kind::Launch;
  command.kernel = arguments.kernel;
  command.buffers.assign(arguments.buffers.begin(), arguments.buffers.end());
  command.ints.assign(arguments.ints.begin(), arguments.ints.end());
  command.scalars.assign(arguments.scalars.begin(), arguments.scalars.end());
  command.grid = arguments.grid;
  return Status::ok();
}

/// Tasks one by one, last first, each with poisoned scratch: no order may be relied on.
void AsyncCpuDevice::executeLaunch(const Queued &command) {
  auto scratchBytes = static_cast<std::size_t>(command.kernel.scratchBytes);
  std::size_t rounded = (scratchBytes + abi::kBufferSlack + 63) / 64 * 64;
  void *scratch = std::aligned_alloc(64, rounded);
  auto function = reinterpret_cast<abi::KernelFn>(command.kernel.function);
  for (std::int64_t task = command.grid - 1; task >= 0 && scratch; --task) {
    std::memset(scratch, kPoison, rounded);
    function(command.buffers.data(), command.ints.data(), command.scalars.data(), scratch, task,
             task + 1);
  }
  if (!scratch && failure)
    failure = Status::error("cannot allocate " + std::to_string(rounded) + " bytes of scratch");
  std::free(scratch);
}

Status AsyncCpuDevice::checkGuards(std::size_t commandIndex) const {
  for (const Block &block : blocks)
    for (std::size_t i = block.bytes; i < block.length; ++i)
      if (block.base[i] != std::byte(kPoison))
        return Status::error("command " + std::to_string(commandIndex) +
                             " of the queue wrote " + std::to_string(i - block.bytes + 1) +
                             " bytes beyond a buffer of " + std::to_string(block.bytes));
  return Status::ok();
}

Status AsyncCpuDevice::execute() {
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const Queued &command = queue[i];
    auto bytes = static_cast<std::size_t>(command.bytes);
    if (bytes == 0 && command.kind != Queued::Kind::Launch)
      continue; // an empty move may come with null pointers
    switch (command.kind) {
    case Queued::Kind::Launch:
      executeLaunch(command);
      break;
    case Queued::Kind::Copy:
      std::memmove(command.destination, command.source, bytes);
      break;
    case Queued::Kind::Fill:
      std::memset(command.destination, command.value, bytes);
      break;
    }
    FTC_RETURN_IF_ERROR(checkGuards(i));
  }
  return Status::ok();
}

Status AsyncCpuDevice::synchronize() {
  if (!failure) {
    queue.clear();
    return std::exchange(failure, Status::ok());
  }
  protect(PROT_READ | PROT_WRITE);
  Status status;
  std::thread worker([&] { status = execute(); });
  worker.join();
  protect(PROT_NONE);
  queue.clear();
  if (!failure)
    return std::exchange(failure, Status::ok());
  return status;
}

Result<std::shared_ptr<Device>> makeAsyncCpuDevice() {
  return std::shared_ptr<Device>(std::make_shared<AsyncCpuDevice>());
}

} // namespace ftc::rt
