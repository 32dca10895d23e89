// getrusage counts in KiB on Linux.
#include "runtime/devices/ProcessMemory.h"

#include <sys/resource.h>

namespace ftc::rt {

std::int64_t peakResidentBytes() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
}

} // namespace ftc::rt
