// Two streams: one computes, one copies between host and device; events order them where the
// queue's order asks for it.
#include "runtime/devices/CudaDevice.h"

#include "runtime/abi/CudaKernel.h"
#include "runtime/devices/CudaRun.h"
#include "runtime/devices/CudaStaging.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace ftc::rt {

namespace {

constexpr std::int64_t kMostBytes = std::int64_t(1) << 46;
constexpr std::int64_t kMostBlocks = 0x7fffffff;
constexpr int kLeastCapability = 80;
/// Device memory for the words of runs without a graph.
constexpr std::size_t kWordBytes = std::size_t(1) << 20;

cuda::DevicePointer pointer(const std::byte *address) {
  return reinterpret_cast<cuda::DevicePointer>(address);
}

class CudaDevice final : public Device {
public:
  explicit CudaDevice(const cuda::Driver &driver) : driver(driver) {}
  ~CudaDevice() override;
  Status initialize(int ordinal);

  const DeviceProperties &properties() const override { return facts; }
  Result<DeviceBuffer> allocate(std::int64_t bytes, Contents contents) override;
  std::optional<std::int64_t> freeBytes() override;
  void free(DeviceBuffer buffer) override;
  Status supports(std::string_view isa, std::span<const std::string_view> features) override;
  Result<std::unique_ptr<Module>> loadModule(std::span<const std::uint8_t> object,
                                             std::span<const KernelSpec> kernels,
                                             std::span<const std::uint8_t> cubin) override;
  Status launch(const LaunchArguments &arguments) override;
  Status copy(std::byte *destination, const std::byte *source, std::int64_t bytes) override;
  Status fill(std::byte *destination, std::uint8_t value, std::int64_t bytes) override;
  Status upload(std::byte *destination, const void *host, std::int64_t bytes) override;
  Status download(void *host, const std::byte *source, std::int64_t bytes) override;
  Status synchronize() override;
  Status beginRun(std::string_view program) override;
  Status endRun() override;

private:
  Status describeDevice(cuda::DeviceIndex index);
  /// A thread's first call has no context yet.
  Status enter() { return driver.check(driver.ctxSetCurrent(context), "cuCtxSetCurrent"); }
  CudaCommand &add(CudaCommand::Kind kind);
  /// Gives what was held back to the compute stream, which then waits for copies before it.
  Status submit();
  Status submitDirectly();
  /// Makes what comes on one stream wait for all that is on the other.
  Status order(cuda::Stream later, cuda::Stream earlier, cuda::Event event);
  Status beginCopy();
  std::string runName() const;

  const cuda::Driver &driver;
  cuda::DeviceIndex index = 0;
  bool retained = false;
  cuda::Context context = nullptr;
  cuda::Stream compute = nullptr, copies = nullptr;
  cuda::Event computed = nullptr, copied = nullptr;
  DeviceProperties facts;
  int capability = 0;
  int sharedLimit = 0; ///< bytes of shared memory that a block may ask for

  CudaRun run;
  bool inRun = false;
  bool computeIsAhead = false; // of what `copies` has waited for
  bool copiesAreAhead = false; // of what `compute` has waited for
  std::string lastKernel;
  std::optional<CudaGraphs> graphs;
  std::optional<CudaStaging> staging, wordStaging;
  cuda::DevicePointer words = 0;
  std::size_t wordsUsed = 0;
};

} // namespace

CudaDevice::~CudaDevice() {
  if (!retained)
    return;
  driver.ctxSetCurrent(context);
  driver.ctxSynchronize();
  graphs.reset();
  staging.reset();
  wordStaging.reset();
  if (words)
    driver.memFree(words);
  for (cuda::Event event : {computed, copied})
    if (event)
      driver.eventDestroy(event);
  for (cuda::Stream stream : {compute, copies})
    if (stream)
      driver.streamDestroy(stream);
  driver.primaryCtxRelease(index);
}

Status CudaDevice::describeDevice(cuda::DeviceIndex device) {
  char name[128] = {};
  FTC_RETURN_IF_ERROR(
      driver.check(driver.deviceGetName(name, sizeof name, device), "cuDeviceGetName"));
  int major = 0, minor = 0;
  std::size_t bytes = 0;
  FTC_RETURN_IF_ERROR(
      driver.check(driver.deviceGetAttribute(&major, cuda::kCapabilityMajor, device),
                   "cuDeviceGetAttribute"));
  FTC_RETURN_IF_ERROR(
      driver.check(driver.deviceGetAttribute(&minor, cuda::kCapabilityMinor, device),
                   "cuDeviceGetAttribute"));
  FTC_RETURN_IF_ERROR(
      driver.check(driver.deviceGetAttribute(&sharedLimit, cuda::kMaxSharedPerBlockOptin, device),
                   "cuDeviceGetAttribute"));
  FTC_RETURN_IF_ERROR(driver.check(driver.deviceTotalMem(&bytes, device), "cuDeviceTotalMem"));
  capability = major * 10 + minor;
  facts.name = facts.target = "cuda";
  facts.isa = "sm_" + std::to_string(capability);
  facts.description =
      escape(name, 80) + ", " + facts.isa + ", " + std::to_string(bytes >> 20) + " MiB";
  if (capability < kLeastCapability)
    return Status::error("--device cuda: " + facts.description +
                         ": expected sm_80 or later: use --device cpu");
  return Status::ok();
}

Status CudaDevice::initialize(int ordinal) {
  int count = 0;
  FTC_RETURN_IF_ERROR(driver.check(driver.deviceGetCount(&count), "cuDeviceGetCount"));
  if (ordinal < 0 || ordinal >= count)
    return Status::error("--device cuda:" + std::to_string(ordinal) + ": this machine has " +
                         std::to_string(count) + (count == 1 ? " device" : " devices"));
  FTC_RETURN_IF_ERROR(driver.check(driver.deviceGet(&index, ordinal), "cuDeviceGet"));
  FTC_RETURN_IF_ERROR(describeDevice(index));
  FTC_RETURN_IF_ERROR(
      driver.check(driver.primaryCtxRetain(&context, index), "cuDevicePrimaryCtxRetain"));
  retained = true;
  FTC_RETURN_IF_ERROR(enter());
  for (cuda::Stream *stream : {&compute, &copies})
    FTC_RETURN_IF_ERROR(
        driver.check(driver.streamCreate(stream, cuda::kStreamNonBlocking), "cuStreamCreate"));
  for (cuda::Event *event : {&computed, &copied})
    FTC_RETURN_IF_ERROR(
        driver.check(driver.eventCreate(event, cuda::kEventDisableTiming), "cuEventCreate"));
  FTC_RETURN_IF_ERROR(driver.check(driver.memAlloc(&words, kWordBytes), "cuMemAlloc"));
  graphs.emplace(driver, compute);
  staging.emplace(driver, copies);
  wordStaging.emplace(driver, compute);
  return Status::ok();
}

Result<DeviceBuffer> CudaDevice::allocate(std::int64_t bytes, Contents contents) {
  if (bytes < 0 || bytes > kMostBytes)
    return Status::error("cannot allocate " + std::to_string(bytes) + " bytes of GPU memory");
  FTC_RETURN_IF_ERROR(enter());
  cuda::DevicePointer address = 0;
  auto size = static_cast<std::size_t>(bytes);
  cuda::Result code = driver.memAlloc(&address, size + abi::kCudaBufferSlack);
  if (code == cuda::kOutOfMemory) {
    std::size_t left = 0, total = 0;
    driver.memGetInfo(&left, &total);
    return Status::error("cannot allocate " + describeBytes(size) + " of GPU memory, " +
                         describeBytes(left) + " of " + describeBytes(total) +
                         " are free: lower --max_tokens or set --memory_budget when compiling");
  }
  FTC_RETURN_IF_ERROR(driver.check(code, "cuMemAlloc", describeBytes(size)));
  // Kernels may read the slack, so it holds something.
  std::size_t from = contents == Contents::Zeros ? 0 : size;
  FTC_RETURN_IF_ERROR(driver.check(
      driver.memsetD8Async(address + from, 0, size + abi::kCudaBufferSlack - from, compute),
      "cuMemsetD8Async"));
  computeIsAhead = true;
  return DeviceBuffer{reinterpret_cast<std::byte *>(address), bytes};
}

std::optional<std::int64_t> CudaDevice::freeBytes() {
  std::size_t left = 0, total = 0;
  if (!enter() || driver.memGetInfo(&left, &total) != cuda::kSuccess)
    return std::nullopt;
  return static_cast<std::int64_t>(left);
}

void CudaDevice::free(DeviceBuffer buffer) {
  if (!buffer.address || !enter())
    return;
  // A fill of fresh memory may still be under way.
  driver.streamSynchronize(compute);
  driver.memFree(pointer(buffer.address));
}

Status CudaDevice::supports(std::string_view isa, std::span<const std::string_view> features) {
  auto refused = [&](const std::string &what) {
    return Status::error("the artifact's code for " + escape(isa, 24) + " " + what +
                         ", this device is " + facts.description + ": compile with --gpu " +
                         (capability >= 90 ? "sm_90" : "sm_80"));
  };
  int needed = isa.starts_with("sm_") && isa.size() <= 6
                   ? std::atoi(std::string(isa.substr(3)).c_str())
                   : 0;
  if (needed == 0)
    return refused("is not for a GPU");
  if (!features.empty())
    return refused("needs " + quote(features.front()));
  if (needed > capability)
    return refused("needs a newer GPU");
  return Status::ok();
}

Result<std::unique_ptr<Module>> CudaDevice::loadModule(std::span<const std::uint8_t> object,
                                                       std::span<const KernelSpec> kernels,
                                                       std::span<const std::uint8_t> cubin) {
  FTC_RETURN_IF_ERROR(enter());
  return loadCudaModule(driver, sharedLimit, object, cubin, kernels);
}

Status CudaDevice::order(cuda::Stream later, cuda::Stream earlier, cuda::Event event) {
  FTC_RETURN_IF_ERROR(driver.check(driver.eventRecord(event, earlier), "cuEventRecord"));
  return driver.check(driver.streamWaitEvent(later, event, 0), "cuStreamWaitEvent");
}

CudaCommand &CudaDevice::add(CudaCommand::Kind kind) {
  CudaCommand &command = run.commands.emplace_back();
  command.kind = kind;
  return command;
}

Status CudaDevice::launch(const LaunchArguments &arguments) {
  std::int64_t before = run.missing > 0 ? run.commands.back().grid : 0;
  if (arguments.grid < 0 || arguments.grid > kMostBlocks - before) {
    run.clear(); // of a group half of its members would wait for the rest
    return Status::error("a launch over " + std::to_string(before + arguments.grid) + " tasks");
  }
  if (arguments.grid == 0 && arguments.members == 0 && run.missing == 0)
    return Status::ok();
  run.addLaunch(arguments);
  return inRun || run.missing > 0 ? Status::ok() : submit();
}

Status CudaDevice::copy(std::byte *destination, const std::byte *source, std::int64_t bytes) {
  if (bytes == 0)
    return Status::ok();
  CudaCommand &command = add(CudaCommand::Kind::Copy);
  command.to = pointer(destination);
  command.from = pointer(source);
  command.bytes = bytes;
  return inRun ? Status::ok() : submit();
}

Status CudaDevice::fill(std::byte *destination, std::uint8_t value, std::int64_t bytes) {
  if (bytes == 0)
    return Status::ok();
  CudaCommand &command = add(CudaCommand::Kind::Fill);
  command.to = pointer(destination);
  command.value = value;
  command.bytes = bytes;
  return inRun ? Status::ok() : submit();
}

Status CudaDevice::submitDirectly() {
  std::size_t bytes = run.words.size() * 8;
  cuda::DevicePointer mine = words, own = 0;
  if (bytes > kWordBytes) {
    FTC_RETURN_IF_ERROR(driver.check(driver.memAlloc(&own, bytes), "cuMemAlloc"));
    mine = own;
  } else {
    // Start over only when no kernel can still read the words that are there.
    if (wordsUsed + bytes > kWordBytes) {
      FTC_RETURN_IF_ERROR(
          driver.check(driver.streamSynchronize(compute), "cuStreamSynchronize", runName()));
      wordsUsed = 0;
    }
    mine += wordsUsed;
    wordsUsed += (bytes + 255) / 256 * 256;
  }
  Status status = bytes ? wordStaging->upload(mine, run.words.data(), bytes) : Status::ok();
  if (status)
    status = graphs->issue(run, mine, false);
  if (own)
    driver.memFreeAsync(own, compute);
  return status;
}

Status CudaDevice::submit() {
  if (run.commands.empty())
    return Status::ok();
  if (run.missing > 0) {
    std::uint32_t missing = run.missing;
    run.clear();
    return Status::error("a group of launches without its last " + std::to_string(missing));
  }
  FTC_RETURN_IF_ERROR(enter());
  for (auto command = run.commands.rbegin(); command != run.commands.rend(); ++command)
    if (command->kernel) {
      lastKernel = command->kernel->name;
      break;
    }
  Status status;
  if (copiesAreAhead)
    status = order(compute, copies, copied);
  copiesAreAhead = false;
  CudaGraphs::Entry *graph = nullptr;
  if (status && inRun) {
    auto found = graphs->find(run);
    if (found)
      graph = *found;
    else
      status = found.takeStatus();
  }
  if (status && graph) {
    if (graph->wordCount)
      status = wordStaging->upload(graph->words, run.words.data(), graph->wordCount * 8);
    if (status)
      status = driver.check(driver.graphLaunch(graph->executable, compute), "cuGraphLaunch",
                            runName());
  } else if (status) {
    status = submitDirectly();
  }
  computeIsAhead = true;
  run.clear();
  return status;
}

Status CudaDevice::beginCopy() {
  FTC_RETURN_IF_ERROR(submit());
  FTC_RETURN_IF_ERROR(enter());
  if (computeIsAhead)
    FTC_RETURN_IF_ERROR(order(copies, compute, computed));
  computeIsAhead = false;
  return Status::ok();
}

Status CudaDevice::upload(std::byte *destination, const void *host, std::int64_t bytes) {
  if (bytes == 0)
    return Status::ok();
  FTC_RETURN_IF_ERROR(beginCopy());
  copiesAreAhead = true;
  return staging->upload(pointer(destination), host, static_cast<std::size_t>(bytes));
}

Status CudaDevice::download(void *host, const std::byte *source, std::int64_t bytes) {
  if (bytes == 0)
    return Status::ok();
  FTC_RETURN_IF_ERROR(beginCopy());
  copiesAreAhead = true;
  return staging->download(host, pointer(source), static_cast<std::size_t>(bytes));
}

std::string CudaDevice::runName() const {
  std::string name;
  if (!run.program.empty())
    name = "program " + quote(run.program);
  if (!lastKernel.empty())
    name += (name.empty() ? "" : ", last ") + ("kernel " + quote(lastKernel));
  return name;
}

Status CudaDevice::synchronize() {
  FTC_RETURN_IF_ERROR(submit());
  FTC_RETURN_IF_ERROR(enter());
  FTC_RETURN_IF_ERROR(
      driver.check(driver.streamSynchronize(compute), "cuStreamSynchronize", runName()));
  FTC_RETURN_IF_ERROR(driver.check(driver.streamSynchronize(copies),
                                   "cuStreamSynchronize of the copies", runName()));
  staging->finish();
  wordStaging->finish();
  wordsUsed = 0;
  computeIsAhead = copiesAreAhead = false;
  return Status::ok();
}

Status CudaDevice::beginRun(std::string_view program) {
  FTC_RETURN_IF_ERROR(submit());
  run.program = program;
  inRun = true;
  return Status::ok();
}

Status CudaDevice::endRun() {
  Status status = submit();
  inRun = false;
  return status;
}

Result<std::shared_ptr<Device>> makeCudaDevice(int ordinal) {
  FTC_ASSIGN_OR_RETURN(const cuda::Driver *driver, cuda::Driver::load());
  auto device = std::make_shared<CudaDevice>(*driver);
  FTC_RETURN_IF_ERROR(device->initialize(ordinal));
  return std::shared_ptr<Device>(std::move(device));
}

} // namespace ftc::rt
