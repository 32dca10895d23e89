// MemoryPeak: the bandwidth that this machine's memory reaches at best, measured, so that
// kernels can be compared with it as with FmaPeak.
#pragma once

#include <cstdint>

namespace ftc::rt {

/// Bytes/s of all `threads` together, the best of `attempts` at each of a sum (reads alone) and
/// STREAM's triad a = b + s * c (McCalpin 1995), bytes counted as there: each array's once. The
/// three arrays, of `arrayBytes` each, should be larger than the last-level caches. 0 where
/// there is no memory for them.
double measureMemoryPeak(unsigned threads, int attempts, std::int64_t arrayBytes);

/// An array's size for measureMemoryPeak: twice the last-level cache for each thread, from 96
/// to 384 MiB.
std::int64_t memoryPeakArrayBytes(unsigned threads);

} // namespace ftc::rt
