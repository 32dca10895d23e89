// FmaPeak: what the CPU's fused multiply-adds reach at best, measured, so that kernels can be
// compared with this machine rather than with a data sheet.
#pragma once

namespace ftc::rt {

/// How often it is tried: the best counts.
constexpr int kQuickLook = 8, kThoroughLook = 100;

/// Single-precision FLOP/s of all `threads` together, the best of `attempts` of about 2.5 ms
/// each; 0 where the CPU has no FMA.
double measureFmaPeak(unsigned threads, int attempts);

} // namespace ftc::rt
