// Columns of fixed widths, so that tables of several programs stand below each other.
#include "tools/ftrt/ProfileTable.h"

#include "runtime/devices/FmaPeak.h"

#include <algorithm>
#include <cstdio>

namespace ftc::cli {

namespace {

/// "12.3%" of `peak`, or "-" where that is not known.
std::string shareOf(double rate, double peak) {
  if (peak <= 0)
    return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.1f%%", 100 * rate / peak);
  return text;
}

} // namespace

std::string profileTable(const std::string &title, std::vector<rt::ProfileEntry> entries,
                         const MachinePeaks &peaks) {
  if (entries.empty())
    return {};
  double all = 0;
  for (const rt::ProfileEntry &entry : entries)
    all += entry.seconds;
  std::stable_sort(entries.begin(), entries.end(),
                   [](const auto &a, const auto &b) { return a.seconds > b.seconds; });
  char line[256];
  std::snprintf(line, sizeof line, "%7s %9s %9s %10s %9s %8s %7s %8s %7s  %-22s %s\n", "share",
                "ms/call", "calls", "GFLOP/call", "MB/call", "GFLOP/s", "of peak", "GB/s",
                "of mem", "command", "kernel");
  std::string table = title + "\n" + line;
  for (const rt::ProfileEntry &entry : entries) {
    double calls = static_cast<double>(std::max<std::int64_t>(1, entry.calls));
    double flops = entry.seconds > 0 ? entry.flops / entry.seconds : 0;
    double bytes = entry.seconds > 0 ? entry.bytes / entry.seconds : 0;
    double peak = rt::productsOfKernel(entry.kernel) == rt::Products::Bf16 ? peaks.pairFlops
                                                                           : peaks.flops;
    std::snprintf(line, sizeof line, "%6.1f%% %9.4f %9lld %10.4f %9.3f %8.1f %7s %8.1f %7s  ",
                  all > 0 ? 100 * entry.seconds / all : 0, 1e3 * entry.seconds / calls,
                  static_cast<long long>(entry.calls), entry.flops / calls * 1e-9,
                  entry.bytes / calls * 1e-6, flops * 1e-9, shareOf(flops, peak).c_str(),
                  bytes * 1e-9, shareOf(bytes, peaks.bytes).c_str());
    table += line + entry.label;
    if (!entry.kernel.empty())
      table += std::string(entry.label.size() < 22 ? 22 - entry.label.size() : 0, ' ') + " " +
               entry.kernel;
    table += "\n";
  }
  return table;
}

} // namespace ftc::cli
