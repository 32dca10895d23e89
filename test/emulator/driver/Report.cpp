// What kernels cost, as far as a functional emulator can say: instructions by pipe, sectors and
// bank conflicts as counted, and from published peaks the least time that an A100 and an H100
// would take.
#include "test/emulator/driver/State.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace ftc::emulator {

namespace {

/// Published peaks of a dense SXM card.
struct Gpu {
  const char *name;
  int multiprocessors;
  double hertz, bytesPerSecond;
  // A clock of one multiprocessor: operations of all lanes; FLOPs of the tensor core in bf16.
  double alu, fma, fp64, special, tensorBf16, loadStore, sharedWaves;
  std::uint32_t sharedBytes, maxWarps;
};
const Gpu kGpus[] = {
    {"A100", 108, 1.41e9, 1.555e12, 64, 64, 32, 16, 2048, 32, 1, 164 * 1024, 64},
    {"H100", 132, 1.755e9, 3.35e12, 64, 128, 64, 16, 4096, 32, 1, 228 * 1024, 64},
};

constexpr const char *kPipeNames[] = {"alu",    "fma",        "fp64",   "special",
                                      "tensor", "load_store", "control"};

std::string quoted(const std::string &text) {
  std::string out = "\"";
  for (char c : text)
    out += c == '"' || c == '\\' || static_cast<unsigned char>(c) < 32 ? '_' : c;
  return out + "\"";
}

std::string number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

struct Totals {
  double lanes[static_cast<int>(Pipe::Count)] = {}; // executed by lanes
  double warps[static_cast<int>(Pipe::Count)] = {};
  double flops = 0, tensorFlops = 0;
};

Totals totalsOf(const KernelCost &cost) {
  Totals totals;
  for (std::size_t i = 0; i < cost.counters.executed.size(); ++i) {
    auto pipe = static_cast<int>(cost.pipes[i]);
    auto lanes = static_cast<double>(cost.counters.lanes[i]);
    totals.warps[pipe] += static_cast<double>(cost.counters.executed[i]);
    totals.lanes[pipe] += lanes;
    if (cost.pipes[i] == Pipe::Tensor)
      totals.tensorFlops += static_cast<double>(cost.counters.executed[i] * cost.flops[i]);
    else
      totals.flops += lanes * static_cast<double>(cost.flops[i]);
  }
  return totals;
}

/// Seconds that the busiest resource needs.
double leastSeconds(const Gpu &gpu, const KernelCost &cost, const Totals &totals) {
  auto lanes = [&](Pipe pipe) { return totals.lanes[static_cast<int>(pipe)]; };
  double cycles =
      std::max({lanes(Pipe::Alu) / gpu.alu, lanes(Pipe::Fma) / gpu.fma,
                lanes(Pipe::Fp64) / gpu.fp64, lanes(Pipe::Special) / gpu.special,
                totals.tensorFlops / gpu.tensorBf16, lanes(Pipe::LoadStore) / gpu.loadStore,
                static_cast<double>(cost.counters.sharedWaves) / gpu.sharedWaves});
  double compute = cycles / gpu.multiprocessors / gpu.hertz;
  double memory = static_cast<double>(cost.counters.globalSectors) * 32 / gpu.bytesPerSecond;
  return std::max(compute, memory);
}

} // namespace

int blocksPerMultiprocessor(const Kernel &kernel, std::uint32_t threads,
                            std::uint32_t sharedBytes, int capability) {
  std::uint32_t warps = (threads + 31) / 32;
  std::uint32_t shared = kernel.sharedBytes + sharedBytes + 1024; // the system's own
  std::uint32_t registers = std::max(16u, (kernel.liveRegisters + 7) / 8 * 8);
  std::uint32_t room = (capability >= 90 ? 228 : 164) * 1024;
  std::uint32_t byWarps = 64 / warps, byShared = room / shared;
  std::uint32_t byRegisters = 65536 / (registers * 32 * warps);
  return static_cast<int>(std::min({byWarps, byShared, byRegisters, 32u}));
}

static std::uint64_t flopsOf(const Instruction &instruction) {
  std::string_view name = executor().entries[instruction.op].name;
  if (instruction.pipe == Pipe::Tensor)
    return name.find("m16n8k16") != name.npos  ? 4096
           : name.find("m16n8k8") != name.npos ? 2048
                                               : 1024;
  std::uint64_t width = name.find("x2") != name.npos ? 2 : 1;
  if (instruction.pipe == Pipe::Fma || instruction.pipe == Pipe::Fp64)
    return width * (name.substr(0, 3) == "fma" || name.substr(0, 3) == "mad" ? 2 : 1);
  return instruction.pipe == Pipe::Special ? 1 : 0;
}

void noteLaunch(const Launch &launch, const Counters &counters) {
  const Kernel &kernel = *launch.kernel;
  KernelCost &cost = state().costs[kernel.name];
  if (cost.pipes.size() != kernel.code.size()) {
    cost = KernelCost(); // another kernel of that name: its counts say nothing of this one
    for (const Instruction &instruction : kernel.code) {
      cost.pipes.push_back(instruction.pipe);
      cost.flops.push_back(flopsOf(instruction));
    }
  }
  cost.counters.add(counters);
  cost.launches += 1;
  cost.blocks += launch.blocks;
  cost.threads = launch.threads();
  cost.sharedBytes = kernel.sharedBytes + launch.dynamicShared;
  cost.liveRegisters = kernel.liveRegisters;
}

void writeReport() {
  State &s = state();
  std::lock_guard lock(s.mutex);
  if (s.reportPath.empty() || s.costs.empty())
    return;
  std::FILE *file = std::fopen(s.reportPath.c_str(), "w");
  if (!file) {
    std::fprintf(stderr, "ftc emulator: cannot write %s\n", s.reportPath.c_str());
    return;
  }
  std::string out = "{\"device\": \"sm_" + std::to_string(s.device) + "\", \"kernels\": [";
  bool first = true;
  for (const auto &[name, cost] : s.costs) {
    Totals totals = totalsOf(cost);
    const Counters &counters = cost.counters;
    auto entry = [&](const char *key, double value) {
      out += std::string(", \"") + key + "\": " + number(value);
    };
    out += std::string(first ? "\n" : ",\n") + "{\"name\": " + quoted(name);
    first = false;
    entry("launches", static_cast<double>(cost.launches));
    entry("blocks", static_cast<double>(cost.blocks));
    entry("threads", cost.threads);
    entry("shared_bytes", cost.sharedBytes);
    entry("live_registers", cost.liveRegisters);
    for (int pipe = 0; pipe < static_cast<int>(Pipe::Count); ++pipe)
      entry((std::string("warp_instructions_") + kPipeNames[pipe]).c_str(), totals.warps[pipe]);
    entry("flops", totals.flops);
    entry("tensor_flops", totals.tensorFlops);
    entry("global_requests", static_cast<double>(counters.globalRequests));
    entry("global_sectors", static_cast<double>(counters.globalSectors));
    entry("global_ideal_sectors", static_cast<double>(counters.idealSectors));
    entry("global_bytes", static_cast<double>(counters.globalBytes));
    entry("shared_requests", static_cast<double>(counters.sharedRequests));
    entry("shared_waves", static_cast<double>(counters.sharedWaves));
    entry("shared_ideal_waves", static_cast<double>(counters.idealWaves));
    for (const Gpu &gpu : kGpus) {
      double seconds = leastSeconds(gpu, cost, totals);
      double peak = gpu.multiprocessors * gpu.hertz * gpu.tensorBf16;
      entry((std::string("least_microseconds_") + gpu.name).c_str(), seconds * 1e6);
      entry((std::string("tensor_share_of_peak_") + gpu.name).c_str(),
            seconds > 0 ? totals.tensorFlops / seconds / peak : 0);
    }
    out += "}";
  }
  out += "\n]}\n";
  bool good = std::fwrite(out.data(), 1, out.size(), file) == out.size();
  good &= std::fclose(file) == 0;
  if (!good)
    std::fprintf(stderr, "ftc emulator: cannot write %s\n", s.reportPath.c_str());
}

} // namespace ftc::emulator
