// A stand-in GPU for tests, without the driver in between: PTX in, arrays in and out, faults as
// exceptions.
#pragma once

#include "test/emulator/machine/Machine.h"

#include <cstring>
#include <string>
#include <vector>

namespace ftc::emulator {

class TestGpu {
public:
  explicit TestGpu(std::uint64_t bytes = std::uint64_t(1) << 28) : memory(bytes) {
    options.threads = 2;
    options.maxBranches = 1 << 20;
  }

  void load(const std::string &ptx) {
    module = loadModule(ptx, [&](const Variable &variable) {
      std::uint64_t address = memory.allocate(variable.bytes);
      memory.markWritten(address, variable.bytes);
      std::memset(memory.host(address), 0, variable.bytes);
      if (!variable.initial.empty())
        std::memcpy(memory.host(address), variable.initial.data(), variable.initial.size());
      memory.findLive(address, 0)->constant = variable.space == Space::Const;
      return address;
    });
  }

  std::uint64_t reserve(std::uint64_t bytes) { return memory.allocate(bytes); }
  template <typename T> std::uint64_t upload(const std::vector<T> &values) {
    std::uint64_t bytes = values.size() * sizeof(T), address = memory.allocate(bytes);
    std::memcpy(memory.host(address), values.data(), bytes);
    memory.markWritten(address, bytes);
    return address;
  }
  template <typename T>
  std::vector<T> download(std::uint64_t address, std::size_t count) const {
    std::vector<T> values(count);
    std::memcpy(values.data(), memory.host(address), count * sizeof(T));
    return values;
  }

  /// Parameters are 8 bytes each.
  void launch(const std::string &name, std::uint32_t grid, std::uint32_t block,
              const std::vector<std::uint64_t> &parameters, std::uint32_t dynamicShared = 0) {
    Launch launch;
    launch.kernel = module->find(name);
    if (!launch.kernel)
      fail(FaultKind::Other, "no kernel " + name);
    launch.grid[0] = grid;
    launch.block[0] = block;
    launch.dynamicShared = dynamicShared;
    launch.parameters.resize(parameters.size() * 8);
    std::memcpy(launch.parameters.data(), parameters.data(), launch.parameters.size());
    counters = Counters();
    runLaunch(launch, memory, options, counters);
  }

  DeviceMemory memory;
  Options options;
  std::unique_ptr<PtxModule> module;
  Counters counters;
};

} // namespace ftc::emulator
