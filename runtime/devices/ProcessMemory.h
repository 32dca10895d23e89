// ProcessMemory: what the operating system counts of this process.
#pragma once

#include <cstdint>

namespace ftc::rt {

/// Peak resident bytes of this process so far.
std::int64_t peakResidentBytes();

} // namespace ftc::rt
