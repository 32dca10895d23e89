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

} // namespace ftc::cpu::test
