// What this CPU and this process may use: instruction sets by cpuid, cores by affinity and
// control group.
#pragma once

#include "runtime/support/Status.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ftc::rt {

/// Features of the levels x86-64-v2 to v4 that this CPU has and the system lets it use.
const std::vector<std::string> &cpuFeatures();

/// The best level this CPU has all of: "x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4".
const std::string &cpuLevel();

/// Ok when the CPU can run code for `isa` that also needs `features`; else what is missing.
Status checkCpu(std::string_view isa, std::span<const std::string_view> features);

/// The CPU's own name for itself.
std::string cpuName();

/// CPUs this process may run on, one of each physical core, limited by the control group's
/// quota. Never empty.
std::vector<int> usableCpus();

} // namespace ftc::rt
