// FmaPeak: what the CPU's fused multiply-adds reach at best, measured, so that kernels can be
// compared with this machine rather than with a data sheet.
#pragma once

#include <string_view>

namespace ftc::rt {

/// How often it is tried: the best counts.
constexpr int kQuickLook = 8, kThoroughLook = 100;

/// What is multiplied: f32, or pairs of bf16 with f32 sums (AVX-512 BF16).
enum class Products { F32, Bf16 };
/// What the variant for `isa` computes its products in.
Products productsOf(std::string_view isa);
/// The same of one kernel: "pairs" is a part of the name of those that multiply bf16.
Products productsOfKernel(std::string_view kernel);
const char *peakName(Products products); ///< "FMA peak", "bf16 peak"

/// FLOP/s of all `threads` together, the best of `attempts` of about 2.5 ms each; 0 where the
/// CPU has no such instruction.
double measureFmaPeak(Products products, unsigned threads, int attempts);

} // namespace ftc::rt
