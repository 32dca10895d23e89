// Loading by a temporary file and dlopen; scratch is poisoned before every piece.
#include "test/kernels/KernelHarness.h"

#include "compiler/targets/cpu/KernelCompiler.h"

#include "llvm/Support/raw_ostream.h"

#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <unistd.h>

namespace ftc::cpu::test {

[[noreturn]] static void die(const std::string &message) {
  std::fprintf(stderr, "kernel harness: %s\n", message.c_str());
  std::abort();
}

bool canRun(const CpuIsa &isa) {
  __builtin_cpu_init();
  if (isa.lanes == 8)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa.bf16Pairs && !__builtin_cpu_supports("avx512bf16"))
    return false;
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

std::vector<const CpuIsa *> runnableIsas() {
  // Without AVX-512 its kernels are still run as emitted (16 lanes, its tiles), by code
  // generated for AVX2.
  static const CpuIsa wide = [] {
    CpuIsa isa = isaV4();
    isa.name += "-on-avx2", isa.suffix += "on3";
    isa.llvmCpu = isaV3().llvmCpu, isa.llvmFeatures = "";
    return isa;
  }();
  std::vector<const CpuIsa *> isas;
  if (canRun(isaV3()))
    isas.push_back(&isaV3());
  if (canRun(isaV4()))
    isas.push_back(&isaV4());
  else if (canRun(isaV3()))
    isas.push_back(&wide);
  else
    std::fprintf(stderr, "kernel harness: no AVX2 here, kernels are compiled but not run\n");
  return isas;
}

KernelLibrary::KernelLibrary(const std::vector<KernelSpec> &kernels, const CpuIsa &isa)
    : isa(isa) {
  llvm::Expected<std::string> object = compileKernels(kernels, isa);
  if (!object)
    die(llvm::toString(object.takeError()));
  llvm::Expected<std::string> linked = linkKernels(*object);
  if (!linked)
    die(llvm::toString(linked.takeError()));
  char path[] = "/tmp/ftc-kernel-test-XXXXXX";
  int descriptor = mkstemp(path);
  if (descriptor < 0 ||
      write(descriptor, linked->data(), linked->size()) != ssize_t(linked->size()))
    die("cannot write a temporary file");
  close(descriptor);
  handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  unlink(path);
  if (!handle)
    die(dlerror());
}

KernelLibrary::~KernelLibrary() { dlclose(handle); }

abi::KernelFn KernelLibrary::find(const Kernel &kernel) const {
  void *symbol = dlsym(handle, kernel.key(isa).c_str());
  if (!symbol)
    die("no kernel " + kernel.key(isa));
  return reinterpret_cast<abi::KernelFn>(symbol);
}

void KernelLibrary::run(const Kernel &kernel, const std::vector<void *> &buffers,
                        const std::vector<std::int64_t> &ints,
                        const std::vector<double> &scalars, Split split) const {
  abi::KernelFn function = find(kernel);
  std::int64_t grid = kernel.grid(isa).evaluate(ints);
  Buffer<unsigned char> scratch(kernel.scratchBytes(isa));
  std::mt19937 random(7);
  std::int64_t end = grid;
  // Grids that divide may be rounded up further: tasks beyond the end must do nothing.
  for (const IntExpr::Term &term : kernel.grid(isa).terms)
    if (split == Split::Pieces && term.divisor > 1)
      end = grid + 3;
  do {
    std::int64_t piece = split == Split::Whole ? end : 1 + random() % 3;
    std::int64_t begin = end > piece ? end - piece : 0;
    std::memset(scratch.data(), 0xff, scratch.size()); // NaN
    function(buffers.data(), ints.data(), scalars.data(), scratch.data(), begin, end);
    if (!scratch.intact())
      die(kernel.key(isa) + " writes outside its scratch");
    end = begin;
  } while (end > 0);
}

Floats randomFloats(std::size_t count, unsigned seed, float scale) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-scale, scale);
  Floats values(count);
  for (std::size_t i = 0; i < count; ++i)
    values[i] = uniform(random);
  return values;
}

Floats toPanels(const Floats &weight, std::int64_t in, std::int64_t out, const CpuIsa &isa) {
  std::int64_t width = isa.panelWidth(out);
  Floats panels(packedElements(in, out, isa));
  for (std::int64_t o = 0; o < out; ++o)
    for (std::int64_t i = 0; i < in; ++i)
      panels[(o / width * in + i) * width + o % width] = weight[o * in + i];
  return panels;
}

Floats fromPanels(const Floats &panels, std::int64_t in, std::int64_t out, const CpuIsa &isa) {
  std::int64_t width = isa.panelWidth(out);
  Floats weight(in * out);
  for (std::int64_t o = 0; o < out; ++o)
    for (std::int64_t i = 0; i < in; ++i)
      weight[o * in + i] = panels[(o / width * in + i) * width + o % width];
  return weight;
}

double dropoutFactor(double p, std::uint32_t seed, std::uint32_t step, std::uint32_t opId,
                     std::uint32_t head, std::uint32_t sequence, std::uint32_t position,
                     std::uint32_t channel) {
  std::uint32_t key[2] = {seed, step};
  std::uint32_t counter[4] = {opId | head << 16, sequence, position,
                              channel / 64 * 16 + channel % 16};
  for (int round = 0; round < 10; ++round) {
    std::uint64_t left = std::uint64_t{0xD2511F53} * counter[0];
    std::uint64_t right = std::uint64_t{0xCD9E8D57} * counter[2];
    std::uint32_t next[4] = {
        std::uint32_t(right >> 32) ^ counter[1] ^ key[0], std::uint32_t(right),
        std::uint32_t(left >> 32) ^ counter[3] ^ key[1], std::uint32_t(left)};
    std::memcpy(counter, next, sizeof counter);
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  std::uint32_t word = counter[channel % 64 / 16];
  double uniform = (word >> 8) * 0x1p-24;
  return uniform >= p ? 1.0 / (1.0 - p) : 0.0;
}

} // namespace ftc::cpu::test
