// test/kernels' harness on the emulated GPU: the same tests and references, their kernels as
// PTX. Where the CUDA lowering has kernels of its own for a vector kernel, those run. Each
// launch runs once more on this CPU, from the IR that the PTX is made of, with the same
// results.
#include "compiler/targets/cpu/kernels/Attention.h"
#include "compiler/targets/cuda/PtxCompiler.h"
#include "compiler/targets/cuda/kernels/FlashBias.h"
#include "runtime/abi/CudaKernel.h"
#include "test/cuda/HostKernels.h"
#include "test/emulator/Harness.h"
#include "test/kernels/KernelHarness.h"

#include <cstdio>
#include <cstdlib>

namespace ftc::cpu::test {

[[noreturn]] static void die(const std::string &message) {
  std::fprintf(stderr, "kernel harness: %s\n", message.c_str());
  std::abort();
}

/// What the host knows of one array on the GPU.
struct Placed {
  std::uint64_t address;
  std::size_t bytes;
};

/// The Buffer that `pointer` lies in.
static std::pair<unsigned char *, std::size_t> bufferOf(void *pointer) {
  auto next = liveBuffers().upper_bound(pointer);
  if (next == liveBuffers().begin())
    die("an operand lies in no Buffer");
  auto [begin, bytes] = *std::prev(next);
  return {static_cast<unsigned char *>(const_cast<void *>(begin)), bytes};
}

/// A kernel for each number of operands, compiled once: it outlives no test that names it.
struct Compiled {
  std::string ptx;
  std::unique_ptr<cuda::test::HostKernels> host;
};

static const Compiled &compiledOf(const Kernel &kernel, const cuda::GpuArch &arch,
                                  const cuda::KernelSignature &signature) {
  static std::map<std::string, Compiled> all;
  Compiled &compiled = all[kernel.key(arch) + "/" + std::to_string(signature.buffers) + "/" +
                           std::to_string(signature.ints)];
  if (compiled.host)
    return compiled;
  std::shared_ptr<const Kernel> borrowed(std::shared_ptr<const Kernel>(), &kernel);
  llvm::Expected<std::string> made = cuda::compileToPtx({{borrowed, signature}}, arch);
  if (!made)
    die(llvm::toString(made.takeError()));
  compiled.ptx = *made;
  auto host = cuda::test::HostKernels::compile({{borrowed, signature}}, arch);
  if (!host)
    die(llvm::toString(host.takeError()));
  compiled.host = std::move(*host);
  if (const char *folder = std::getenv("FTC_PTX_SAMPLES")) {
    std::FILE *file =
        std::fopen((std::string(folder) + "/" + kernel.key(arch) + ".ptx").c_str(), "w");
    std::fwrite(compiled.ptx.data(), 1, compiled.ptx.size(), file);
    std::fclose(file);
  }
  return compiled;
}

/// An array of the host as the device would have it: aligned, with slack behind it.
struct HostArray {
  HostArray(const unsigned char *begin, std::size_t bytes) : bytes(bytes) {
    constexpr auto alignment = std::size_t(abi::kCudaBufferAlignment);
    std::size_t room = (bytes + abi::kCudaBufferSlack + alignment - 1) / alignment * alignment;
    data.reset(static_cast<unsigned char *>(std::aligned_alloc(alignment, room)));
    std::memset(data.get(), 0xff, room);
    std::memcpy(data.get(), begin, bytes);
  }
  struct Free {
    void operator()(unsigned char *pointer) const { std::free(pointer); }
  };
  std::unique_ptr<unsigned char, Free> data;
  std::size_t bytes;
};

/// The first word in which `left` and `right` differ, or -1.
static std::ptrdiff_t firstDifference(const unsigned char *left, const unsigned char *right,
                                      std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += 4) {
    std::uint32_t a = 0, b = 0;
    std::size_t count = std::min<std::size_t>(4, bytes - at);
    std::memcpy(&a, left + at, count);
    std::memcpy(&b, right + at, count);
    if (!cuda::test::sameWord(a, b))
      return static_cast<std::ptrdiff_t>(at / 4);
  }
  return -1;
}

static void runOnGpu(const Kernel &kernel, const CpuIsa &isa,
                     const std::vector<void *> &buffers, const std::vector<std::int64_t> &ints,
                     const std::vector<double> &scalars, bool more) {
  const cuda::GpuArch &arch = cuda::archOf(isa);
  cuda::KernelSignature signature{static_cast<unsigned>(buffers.size()),
                                  static_cast<unsigned>(ints.size()),
                                  static_cast<unsigned>(scalars.size())};
  const auto &[ptx, host] = compiledOf(kernel, arch, signature);
  emulator::TestGpu gpu;
  try {
    gpu.load(ptx);
    std::map<unsigned char *, Placed> placed;
    std::map<unsigned char *, HostArray> copies;
    std::vector<std::uint64_t> parameters;
    std::vector<void *> hostParameters;
    for (void *pointer : buffers) {
      auto [begin, bytes] = bufferOf(pointer);
      auto [entry, fresh] = placed.try_emplace(begin);
      if (fresh) {
        entry->second = {gpu.reserve(bytes + abi::kCudaBufferSlack), bytes};
        std::memcpy(gpu.memory.host(entry->second.address), begin, bytes);
        gpu.memory.markWritten(entry->second.address, bytes);
      }
      std::ptrdiff_t offset = static_cast<unsigned char *>(pointer) - begin;
      parameters.push_back(entry->second.address + offset);
      HostArray &copy = copies.try_emplace(begin, begin, bytes).first->second;
      hostParameters.push_back(copy.data.get() + offset);
    }
    std::int64_t tasks = kernel.grid(isa).evaluate(ints);
    std::vector<std::uint64_t> words{static_cast<std::uint64_t>(tasks)};
    for (std::int64_t value : ints)
      words.push_back(static_cast<std::uint64_t>(value));
    for (double value : scalars) {
      words.emplace_back();
      std::memcpy(&words.back(), &value, sizeof value);
    }
    parameters.push_back(gpu.upload(words));
    hostParameters.push_back(words.data());
    auto grid = static_cast<std::uint32_t>(tasks + (more ? 3 : 0));
    auto threads = static_cast<std::uint32_t>(cuda::threadsOf(kernel));
    if (grid > 0) {
      gpu.launch(kernel.key(isa), grid, threads, parameters,
                 static_cast<std::uint32_t>(cuda::sharedBytesOf(kernel, arch)));
      host->launch(kernel.key(isa), grid, threads, hostParameters);
    }
    for (auto &[begin, array] : placed) {
      auto *gpus = reinterpret_cast<const unsigned char *>(gpu.memory.host(array.address));
      std::ptrdiff_t at = firstDifference(gpus, copies.at(begin).data.get(), array.bytes);
      if (at >= 0)
        die(kernel.key(isa) + ": word " + std::to_string(at) + " of an operand is " +
            std::to_string(reinterpret_cast<const std::uint32_t *>(gpus)[at]) +
            " on the emulator, not what its IR gives on this CPU");
      std::memcpy(begin, gpus, array.bytes);
    }
  } catch (const emulator::Fault &fault) {
    die(kernel.key(isa) + ": " + fault.message);
  }
}

bool canRun(const CpuIsa &isa) { return isa.lanes == 32; }

std::vector<const CpuIsa *> runnableIsas() { return {cuda::findArch("sm_80", cuda::Products::F32)}; }

KernelLibrary::KernelLibrary(const std::vector<KernelSpec> &, const CpuIsa &isa) : isa(isa) {}
KernelLibrary::~KernelLibrary() = default;

abi::KernelFn KernelLibrary::find(const Kernel &kernel) const {
  die(kernel.key(isa) + " is no function of this CPU");
}

void KernelLibrary::run(const Kernel &kernel, const std::vector<void *> &buffers,
                        const std::vector<std::int64_t> &ints,
                        const std::vector<double> &scalars, Split split) const {
  bool more = split == Split::Pieces;
  cuda::FlashAttention flash;
  auto launch = [&](cuda::FlashAttention::Part part, std::vector<void *> operands) {
    flash.part = part;
    flash.maxRows = 2 * flash.shape.maxKeys;
    runOnGpu(flash, isa, operands, ints, scalars, more);
  };
  if (auto *attention = dynamic_cast<const Attention *>(&kernel);
      attention && cuda::FlashAttention::covers(attention->shape)) {
    flash.shape = attention->shape;
    return launch(cuda::FlashAttention::Part::Forward, buffers);
  }
  if (auto *gradient = dynamic_cast<const AttentionGrad *>(&kernel);
      gradient && cuda::FlashAttention::covers(gradient->shape)) {
    flash.shape = gradient->shape;
    std::vector<void *> shared(buffers.begin(), buffers.begin() + 10);
    std::vector<void *> queries = shared, keys = shared;
    queries.push_back(buffers[10]);
    keys.insert(keys.end(), buffers.begin() + 11, buffers.begin() + 13);
    if (flash.shape.buckets) {
      queries.push_back(buffers[13]);
      keys.push_back(buffers[13]);
    }
    launch(cuda::FlashAttention::Part::Keys, keys);
    if (!gradient->tableGradient)
      return launch(cuda::FlashAttention::Part::Queries, queries);
    // What the vector kernel leaves of a sequence is the sum over its blocks here.
    flash.tableGradient = true;
    flash.part = cuda::FlashAttention::Part::Queries;
    flash.maxRows = 2 * flash.shape.maxKeys;
    std::int64_t elements = flash.shape.buckets * flash.shape.heads, blocks = flash.blocks();
    Floats parts(ints[0] * blocks * elements);
    queries.push_back(parts.data());
    launch(cuda::FlashAttention::Part::Queries, queries);
    auto *partial = static_cast<float *>(buffers[14]);
    for (std::int64_t i = 0; i < ints[0] * elements; ++i) {
      partial[i] = 0;
      for (std::int64_t block = 0; block < blocks; ++block)
        partial[i] += parts[(i / elements * blocks + block) * elements + i % elements];
    }
    return;
  }
  if (auto *tables = dynamic_cast<const TableGrad *>(&kernel)) {
    cuda::TableSum sum;
    sum.elements = tables->elements;
    return runOnGpu(sum, isa, buffers, ints, scalars, more);
  }
  runOnGpu(kernel, isa, buffers, ints, scalars, more);
}

} // namespace ftc::cpu::test
