// Twelve independent chains of vector FMAs in registers, widest vectors the CPU has.
#include "runtime/devices/FmaPeak.h"

#include "runtime/devices/CpuFeatures.h"
#include "runtime/support/Threads.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ftc::rt {

namespace {

constexpr std::int64_t kRounds = 200000;
constexpr int kChains = 12;

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) float fma256() {
  __m256 sums[kChains], a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(0.25f);
  for (__m256 &sum : sums)
    sum = _mm256_set1_ps(1.0f);
  for (std::int64_t i = 0; i < kRounds; ++i)
#pragma clang loop unroll(full)
    for (int chain = 0; chain < kChains; ++chain)
      sums[chain] = _mm256_fmadd_ps(sums[chain], a, b);
  __m256 all = sums[0];
  for (int chain = 1; chain < kChains; ++chain)
    all = _mm256_add_ps(all, sums[chain]);
  return _mm256_cvtss_f32(all);
}

/// The sum of twelve chains of `step`, kRounds each.
#define FTC_CHAINS_512(step)                                                                   \
  __m512 sums[kChains];                                                                        \
  for (__m512 &sum : sums)                                                                     \
    sum = _mm512_set1_ps(1.0f);                                                                \
  for (std::int64_t i = 0; i < kRounds; ++i)                                                   \
    _Pragma("clang loop unroll(full)") for (int chain = 0; chain < kChains; ++chain)           \
        sums[chain] = step;                                                                    \
  __m512 all = sums[0];                                                                        \
  for (int chain = 1; chain < kChains; ++chain)                                                \
    all = _mm512_add_ps(all, sums[chain]);                                                     \
  return _mm512_cvtss_f32(all)

__attribute__((target("avx512f"))) float fma512() {
  __m512 a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(0.25f);
  FTC_CHAINS_512(_mm512_fmadd_ps(sums[chain], a, b));
}

__attribute__((target("avx512f,avx512bf16"))) float dot512() {
  __m512bh a = (__m512bh)_mm512_set1_epi16(0x3f00), b = (__m512bh)_mm512_set1_epi16(0x3e00);
  FTC_CHAINS_512(_mm512_dpbf16_ps(sums[chain], a, b));
}
#undef FTC_CHAINS_512
#endif

} // namespace

Products productsOf(std::string_view isa) {
  return isa.ends_with("-bf16") ? Products::Bf16 : Products::F32;
}

Products productsOfKernel(std::string_view kernel) {
  return kernel.find("_pairs_") != kernel.npos || kernel.ends_with("_pairs") ? Products::Bf16
                                                                             : Products::F32;
}

const char *peakName(Products products) {
  return products == Products::Bf16 ? "bf16 peak" : "FMA peak";
}

double measureFmaPeak(Products products, unsigned threads, int attempts) {
#if defined(__x86_64__)
  // More threads than cores only wait for each other.
  threads = std::min(threads, static_cast<unsigned>(usableCpus().size()));
  bool wide = __builtin_cpu_supports("avx512f"), dot = products == Products::Bf16;
  if (dot ? !__builtin_cpu_supports("avx512bf16")
          : !wide && !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")))
    return 0;
  auto chains = dot ? dot512 : wide ? fma512 : fma256;
  double flopsPerCall = 2.0 * kRounds * kChains * (dot ? 32 : wide ? 16 : 8);
  double best = 0;
  volatile float sink = 0;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    auto start = std::chrono::steady_clock::now();
    constexpr int calls = 4;
    auto work = [&](unsigned) {
      float sum = 0;
      for (int call = 0; call < calls; ++call)
        sum += chains();
      sink = sum;
    };
    unsigned ran = runOnThreads(threads, work);
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, flopsPerCall * calls * ran / seconds.count());
  }
  return best;
#else
  return 0;
#endif
}

} // namespace ftc::rt
