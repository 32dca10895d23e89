// Linear kernels on MiniLM's and BERT-base's shapes, one thread, as shares of this core's
// measured peak of multiply-adds (of bf16 pairs for x86-64-v4-bf16).
//
//     gemm_bench [x86-64-v3 | x86-64-v4 | x86-64-v4-bf16]
#include "compiler/targets/cpu/KernelCompiler.h"
#include "compiler/targets/cpu/kernels/Linear.h"
#include "test/kernels/KernelHarness.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <time.h>

using namespace ftc::cpu;
using namespace ftc::cpu::test;

/// This thread's processor time: what others do on the machine is left out.
static double seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec + now.tv_nsec * 1e-9;
}

/// Best of several runs of about 30 ms.
static double best(const std::function<void()> &body) {
  double fastest = 1e9;
  int repeats = 1;
  for (int trial = 0; trial < 8; ++trial) {
    double start = seconds();
    for (int i = 0; i < repeats; ++i)
      body();
    double elapsed = (seconds() - start) / repeats;
    fastest = std::min(fastest, elapsed);
    repeats = std::max(1, std::min(1000, int(0.03 / elapsed)));
  }
  return fastest;
}

enum class Peak { F32, F32Wide, Bf16 };

/// FLOPs a second of twelve independent chains of multiply-adds in registers.
static double measurePeak(Peak kind) {
  const int steps = 1000000;
#define FTC_CHAINS(instruction, reg)                                                           \
  asm volatile(instruction                                                                     \
               " %%" reg "12, %%" reg "12, %%" reg "0\n" instruction " %%" reg "12, %%" reg    \
               "12, %%" reg "1\n" instruction " %%" reg "12, %%" reg "12, %%" reg              \
               "2\n" instruction " %%" reg "12, %%" reg "12, %%" reg "3\n" instruction         \
               " %%" reg "12, %%" reg "12, %%" reg "4\n" instruction " %%" reg "12, %%" reg    \
               "12, %%" reg "5\n" instruction " %%" reg "12, %%" reg "12, %%" reg              \
               "6\n" instruction " %%" reg "12, %%" reg "12, %%" reg "7\n" instruction         \
               " %%" reg "12, %%" reg "12, %%" reg "8\n" instruction " %%" reg "12, %%" reg    \
               "12, %%" reg "9\n" instruction " %%" reg "12, %%" reg "12, %%" reg              \
               "10\n" instruction " %%" reg "12, %%" reg "12, %%" reg "11\n" ::                \
                   : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",   \
                     "xmm9", "xmm10", "xmm11", "xmm12")
  double time = best([&] {
    for (int step = 0; step < steps; ++step) {
      if (kind == Peak::F32)
        FTC_CHAINS("vfmadd231ps", "ymm");
      else if (kind == Peak::F32Wide)
        FTC_CHAINS("vfmadd231ps", "zmm");
      else
        FTC_CHAINS("vdpbf16ps", "zmm");
    }
  });
#undef FTC_CHAINS
  return 12.0 * (kind == Peak::F32 ? 16 : kind == Peak::F32Wide ? 32 : 64) * steps / time;
}

/// What a launch needs besides its buffers, and how long it takes.
class Timer {
public:
  Timer(const KernelLibrary &library, std::int64_t scratchBytes)
      : library(library), scratch(scratchBytes) {}

  double operator()(const Kernel &kernel, std::vector<void *> buffers,
                    const std::vector<std::int64_t> &ints) {
    auto function = library.find(kernel);
    std::int64_t grid = kernel.grid(library.isa).evaluate(ints);
    return best(
        [&] { function(buffers.data(), ints.data(), nullptr, scratch.data(), 0, grid); });
  }

private:
  const KernelLibrary &library;
  Buffer<unsigned char> scratch;
};

/// Shares of the peak by rows, of forward, dgrad and wgrad of all layers.
using Shares = std::map<int, std::vector<double>>;

/// One layer's products: the shares of `peak` that each reaches with the packing of its
/// weights, and without.
static void measureLayer(std::int64_t in, std::int64_t out, const CpuIsa &isa, double peak,
                         Shares &all, Shares &packed) {
  auto forward = std::make_shared<Linear>();
  forward->in = in, forward->out = out, forward->bias = true;
  forward->pairs = isa.bf16Pairs;
  auto gelu = std::make_shared<Linear>(*forward);
  gelu->act = Activation::Gelu, gelu->savePre = true;
  auto dgrad = std::make_shared<Linear>();
  dgrad->in = out, dgrad->out = in, dgrad->pairs = isa.bf16Pairs;
  auto words = std::make_shared<PackPairs>();
  words->in = in, words->out = out;
  auto pack = std::make_shared<PackTransposed>();
  pack->in = in, pack->out = out, pack->pairs = isa.bf16Pairs;
  auto wgrad = std::make_shared<LinearWeightGrad>();
  wgrad->in = in, wgrad->out = out, wgrad->bias = true, wgrad->pairs = isa.bf16Pairs;
  std::vector<KernelSpec> kernels{forward, gelu, dgrad, pack, wgrad};
  if (isa.bf16Pairs)
    kernels.push_back(words);
  double start = seconds();
  KernelLibrary library(kernels, isa);
  std::printf("%lld -> %lld: compiled in %.2f s\n", static_cast<long long>(in),
              static_cast<long long>(out), seconds() - start);
  std::int64_t scratch = 0;
  for (const KernelSpec &kernel : kernels)
    scratch = std::max(scratch, kernel->scratchBytes(isa));
  for (int rows : {16, 37, 512, 2048}) {
    Floats x = randomFloats(rows * in, 1), w = randomFloats(packedElements(in, out, isa), 2);
    Floats bias = randomFloats(out, 3), dy = randomFloats(rows * out, 4), y(rows * out);
    Floats pre(rows * out), dx(rows * in), wt(packedElements(out, in, isa)), db(out), dw(w);
    Floats pairs(packedElements(in, out, isa));
    Timer time(library, scratch);
    double p = isa.bf16Pairs ? time(*words, {w.data(), pairs.data()}, {}) : 0;
    float *weight = isa.bf16Pairs ? pairs.data() : w.data();
    double f = time(*forward, {x.data(), weight, bias.data(), y.data()}, {rows});
    double g = time(*gelu, {x.data(), weight, bias.data(), y.data(), pre.data()}, {rows});
    double t = time(*pack, {w.data(), wt.data()}, {});
    double d = time(*dgrad, {dy.data(), wt.data(), dx.data()}, {rows});
    double v = time(*wgrad, {x.data(), dy.data(), dw.data(), db.data()}, {rows, 0});
    double flops = 2.0 * rows * in * out;
    auto share = [&](double time) { return 100 * flops / time / peak; };
    std::printf(
        "  M %4d: fwd %5.1f%% (packed %5.1f%%)  +gelu+pre %5.1f%%  dgrad %5.1f%% (packed "
        "%5.1f%%)  wgrad %5.1f%%\n",
        rows, share(f + p), share(f), share(g + p), share(d + t), share(d), share(v));
    if (rows < 512)
      continue;
    for (double one : {f + p, d + t, v})
      all[rows].push_back(share(one));
    for (double one : {f, d, v})
      packed[rows].push_back(share(one));
  }
}

static void printMedians(Shares &shares, const char *what) {
  for (auto &[rows, found] : shares) {
    std::sort(found.begin(), found.end());
    std::printf("M %4d: median %.1f%% (%.1f to %.1f) of forward, dgrad and wgrad, %s\n", rows,
                found[found.size() / 2], found.front(), found.back(), what);
  }
}

int main(int argc, char **argv) {
  const CpuIsa &best = canRun(isaV4()) ? isaV4() : isaV3();
  const CpuIsa *isa = argc > 1 ? findIsa(argv[1]) : &best;
  if (!isa || !canRun(*isa)) {
    std::fprintf(stderr, "error: expected an instruction set that this CPU has: x86-64-v3, "
                         "x86-64-v4 or x86-64-v4-bf16\n");
    return 2;
  }
  double peak = measurePeak(isa->bf16Pairs     ? Peak::Bf16
                            : isa->lanes == 16 ? Peak::F32Wide
                                               : Peak::F32);
  std::printf("%s, peak %.1f GF/s\n", isa->name.c_str(), peak / 1e9);
  Shares all, packed;
  for (auto [in, out] : {std::pair{384, 384},
                         {384, 1152},
                         {384, 1536},
                         {1536, 384},
                         {768, 768},
                         {768, 2304},
                         {768, 3072},
                         {3072, 768}})
    measureLayer(in, out, *isa, peak, all, packed);
  printMedians(all, "packing included");
  printMedians(packed, "with packed weights");
  return 0;
}
