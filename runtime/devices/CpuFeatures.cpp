// cpuid through the compiler's builtins (which also ask whether the system saves the
// registers), affinity through the scheduler, quota through cgroup v2.
#include "runtime/devices/CpuFeatures.h"

#include "runtime/support/Text.h"

#include <algorithm>
#include <cmath>
#include <cpuid.h>
#include <cstring>
#include <fstream>
#include <sched.h>
#include <set>

namespace ftc::rt {

namespace {
struct Feature {
  const char *name;
  int level; // of x86-64-v<level>; 5: of none, checked only when a variant asks
  bool present;
};

const std::vector<Feature> &featureTable() {
  static const std::vector<Feature> table = [] {
    __builtin_cpu_init();
#define FTC_FEATURE(name, level) {name, level, __builtin_cpu_supports(name) != 0}
    return std::vector<Feature>{
        FTC_FEATURE("sse4.2", 2),      FTC_FEATURE("popcnt", 2),
        FTC_FEATURE("avx", 3),         FTC_FEATURE("avx2", 3),
        FTC_FEATURE("fma", 3),         FTC_FEATURE("bmi", 3),
        FTC_FEATURE("bmi2", 3),        FTC_FEATURE("f16c", 3),
        FTC_FEATURE("lzcnt", 3),       FTC_FEATURE("movbe", 3),
        FTC_FEATURE("avx512f", 4),     FTC_FEATURE("avx512bw", 4),
        FTC_FEATURE("avx512cd", 4),    FTC_FEATURE("avx512dq", 4),
        FTC_FEATURE("avx512vl", 4),    FTC_FEATURE("avx512vnni", 5),
        FTC_FEATURE("avx512bf16", 5),  FTC_FEATURE("avx512vbmi", 5),
    };
#undef FTC_FEATURE
  }();
  return table;
}

/// Highest n such that all features of levels up to n are present.
int levelNumber() {
  int level = 4;
  for (const Feature &feature : featureTable())
    if (feature.level <= 4 && !feature.present)
      level = std::min(level, feature.level - 1);
  return level;
}

std::string levelName(int level) {
  return level <= 1 ? "x86-64" : "x86-64-v" + std::to_string(level);
}

/// The number of CPUs the control group pays for, or a large number.
double quota() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string limit;
  double period = 0;
  if (!(file >> limit >> period) || limit == "max" || period <= 0)
    return 1e9;
  return std::strtod(limit.c_str(), nullptr) / period;
}
} // namespace

const std::vector<std::string> &cpuFeatures() {
  static const std::vector<std::string> present = [] {
    std::vector<std::string> names;
    for (const Feature &feature : featureTable())
      if (feature.present)
        names.push_back(feature.name);
    return names;
  }();
  return present;
}

const std::string &cpuLevel() {
  static const std::string level = levelName(levelNumber());
  return level;
}

Status checkCpu(std::string_view isa, std::span<const std::string_view> features) {
  int level = 0;
  for (int known = 1; known <= 4; ++known)
    // A suffix names more than the level ("x86-64-v4-bf16"); "x86-64-v9" is no kind of
    // "x86-64".
    if (isa == levelName(known) || (known > 1 && isa.starts_with(levelName(known) + "-")))
      level = known;
  std::string missing;
  auto miss = [&](std::string_view name) {
    if (missing.find(name) == std::string::npos && missing.size() < 120)
      missing += (missing.empty() ? "" : ", ") + escape(name, 24);
  };
  if (level == 0)
    miss(isa);
  for (const Feature &feature : featureTable())
    if (feature.level <= level && !feature.present)
      miss(feature.name);
  for (std::string_view name : features)
    if (std::find(cpuFeatures().begin(), cpuFeatures().end(), name) == cpuFeatures().end())
      miss(name);
  if (missing.empty())
    return Status::ok();
  return Status::error("code for " + escape(isa, 24) + " needs " + missing +
                       ", which this CPU (" + cpuLevel() +
                       ") does not have: compile with --cpu " + cpuLevel());
}

std::string cpuName() {
  unsigned words[12] = {};
  for (unsigned i = 0; i < 3; ++i)
    if (!__get_cpuid(0x80000002u + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2],
                     &words[4 * i + 3]))
      return "x86-64 CPU";
  char name[sizeof(words) + 1] = {};
  std::memcpy(name, words, sizeof(words));
  std::string trimmed = name;
  trimmed.erase(0, trimmed.find_first_not_of(' '));
  trimmed.erase(trimmed.find_last_not_of(' ') + 1);
  return trimmed.empty() ? "x86-64 CPU" : escape(trimmed, 64);
}

// Hardware threads of one core share its vector units, so only one of them is counted.
std::vector<int> usableCpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) {
    std::set<std::string> cores;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &allowed))
        continue;
      std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                         "/topology/thread_siblings_list");
      std::string siblings;
      bool known = static_cast<bool>(std::getline(file, siblings));
      if (!known || cores.insert(siblings).second)
        cpus.push_back(cpu);
    }
  }
  if (cpus.empty())
    cpus.push_back(0);
  double limit = std::max(1.0, std::floor(quota() + 0.5));
  if (static_cast<double>(cpus.size()) > limit)
    cpus.resize(static_cast<std::size_t>(limit));
  return cpus;
}

} // namespace ftc::rt
