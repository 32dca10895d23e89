// FmaPeak: what the CPU's fused multiply-adds reach at best, measured, so that kernels can be
// compared with this machine rather than with a data sheet.
#pragma once

namespace ftc::cli {

/// Single-precision FLOP/s of all `threads` together, over about a quarter of a second; 0 where
/// the CPU has no FMA.
double measureFmaPeak(unsigned threads);

} // namespace ftc::cli
