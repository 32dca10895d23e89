// Linear kernels on MiniLM's shapes, one thread, as shares of this core's measured FMA peak.
#include "compiler/targets/cpu/KernelCompiler.h"
#include "compiler/targets/cpu/kernels/Linear.h"
#include "test/kernels/KernelHarness.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <immintrin.h>
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

/// Flops a second of twelve independent chains of 8-lane FMAs, in registers.
static double measurePeak() {
  const int steps = 1000000;
  double time = best([&] {
    __m256 a = _mm256_set1_ps(1.0000001f), s0 = a, s1 = a, s2 = a, s3 = a, s4 = a, s5 = a,
           s6 = a, s7 = a, s8 = a, s9 = a, s10 = a, s11 = a;
    for (int step = 0; step < steps; ++step)
      asm volatile("vfmadd231ps %12, %12, %0\n vfmadd231ps %12, %12, %1\n"
                   "vfmadd231ps %12, %12, %2\n vfmadd231ps %12, %12, %3\n"
                   "vfmadd231ps %12, %12, %4\n vfmadd231ps %12, %12, %5\n"
                   "vfmadd231ps %12, %12, %6\n vfmadd231ps %12, %12, %7\n"
                   "vfmadd231ps %12, %12, %8\n vfmadd231ps %12, %12, %9\n"
                   "vfmadd231ps %12, %12, %10\n vfmadd231ps %12, %12, %11\n"
                   : "+x"(s0), "+x"(s1), "+x"(s2), "+x"(s3), "+x"(s4), "+x"(s5), "+x"(s6),
                     "+x"(s7), "+x"(s8), "+x"(s9), "+x"(s10), "+x"(s11)
                   : "x"(a));
  });
  return 12.0 * 16 * steps / time;
}

int main() {
  const CpuIsa &isa = canRun(isaV4()) ? isaV4() : isaV3();
  double peak = measurePeak();
  std::printf("%s, peak %.1f GF/s\n", isa.name.c_str(), peak / 1e9);
  for (auto [in, out] : {std::pair{384, 384}, {384, 1536}, {1536, 384}}) {
    auto forward = std::make_shared<Linear>();
    forward->in = in, forward->out = out, forward->bias = true;
    auto gelu = std::make_shared<Linear>(*forward);
    gelu->act = Activation::Gelu, gelu->savePre = true;
    auto dgrad = std::make_shared<Linear>();
    dgrad->in = out, dgrad->out = in;
    auto pack = std::make_shared<PackTransposed>();
    pack->in = in, pack->out = out;
    auto wgrad = std::make_shared<LinearWeightGrad>();
    wgrad->in = in, wgrad->out = out, wgrad->bias = true;
    double start = seconds();
    KernelLibrary library({forward, gelu, dgrad, pack, wgrad}, isa);
    std::printf("%d -> %d: compiled in %.2f s\n", in, out, seconds() - start);
    for (int rows : {16, 37, 512, 2048}) {
      Floats x = randomFloats(rows * in, 1), w = randomFloats(packedElements(in, out, isa), 2);
      Floats bias = randomFloats(out, 3), dy = randomFloats(rows * out, 4), y(rows * out);
      Floats pre(rows * out), dx(rows * in), wt(packedElements(out, in, isa)), db(out), dw(w);
      double flops = 2.0 * rows * in * out;
      auto share = [&](double time) { return 100 * flops / time / peak; };
      std::vector<std::uint8_t> scratch(wgrad->scratchBytes(isa) + 64);
      auto launch = [&](const Kernel &kernel, std::vector<void *> buffers,
                        std::vector<std::int64_t> ints) {
        auto function = library.find(kernel);
        std::int64_t grid = kernel.grid(isa).evaluate(ints);
        void *aligned =
            scratch.data() + 64 - reinterpret_cast<std::uintptr_t>(scratch.data()) % 64;
        return best([&] { function(buffers.data(), ints.data(), nullptr, aligned, 0, grid); });
      };
      double f = launch(*forward, {x.data(), w.data(), bias.data(), y.data()}, {rows});
      double g = launch(*gelu, {x.data(), w.data(), bias.data(), y.data(), pre.data()}, {rows});
      double p = launch(*pack, {w.data(), wt.data()}, {});
      double d = launch(*dgrad, {dy.data(), wt.data(), dx.data()}, {rows});
      double v = launch(*wgrad, {x.data(), dy.data(), dw.data(), db.data()}, {rows, 0});
      std::printf(
          "  M %4d: fwd %5.1f%%  fwd+bias+gelu+pre %5.1f%%  dgrad %5.1f%% (pack %.0f us)"
          "  wgrad %5.1f%%\n",
          rows, share(f), share(g), share(d), p * 1e6, share(v));
    }
  }
  return 0;
}
