// Chooses the compiled level that this CPU can run.
#include "test/emulator/machine/Machine.h"

#include <cstdlib>
#include <string_view>

namespace ftc {
#define FTC_LEVEL(NAME)                                                                        \
  namespace NAME {                                                                             \
  const emulator::HandlerEntry *allEntries(std::size_t &count);                                \
  emulator::Stop runWarp(emulator::Warp &warp);                                                \
  }
FTC_LEVEL(emulator_v2)
FTC_LEVEL(emulator_v3)
FTC_LEVEL(emulator_v4)
#undef FTC_LEVEL

namespace emulator {

static Executor choose() {
  Executor out{};
  const char *wanted = std::getenv("FTC_EMULATOR_ISA");
  std::string_view most = wanted ? wanted : "x86-64-v4";
  __builtin_cpu_init();
  if (most == "x86-64-v4" && __builtin_cpu_supports("x86-64-v4")) {
    out.entries = emulator_v4::allEntries(out.count);
    out.run = emulator_v4::runWarp;
    out.name = "x86-64-v4";
  } else if (most != "x86-64-v2" && __builtin_cpu_supports("x86-64-v3")) {
    out.entries = emulator_v3::allEntries(out.count);
    out.run = emulator_v3::runWarp;
    out.name = "x86-64-v3";
  } else {
    out.entries = emulator_v2::allEntries(out.count);
    out.run = emulator_v2::runWarp;
    out.name = "x86-64-v2";
  }
  return out;
}

const Executor &executor() {
  static const Executor chosen = choose();
  return chosen;
}

} // namespace emulator
} // namespace ftc
