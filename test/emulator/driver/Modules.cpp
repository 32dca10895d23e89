// Modules and functions: PTX is decoded, machine code refused.
#include "test/emulator/driver/State.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace ftc::rt::cuda;
using namespace ftc::emulator;

static std::uint64_t place(const Variable &variable) {
  DeviceMemory &memory = *state().memory;
  std::uint64_t address = memory.allocate(std::max<std::uint64_t>(variable.bytes, 1));
  if (address == 0)
    fail(FaultKind::Other, "no memory for the variable " + variable.name);
  std::memset(memory.host(address), 0, variable.bytes);
  if (!variable.initial.empty())
    std::memcpy(memory.host(address), variable.initial.data(), variable.initial.size());
  memory.markWritten(address, variable.bytes);
  memory.findLive(address, 0)->constant = variable.space == Space::Const;
  return address;
}

/// Code for a newer GPU than this device is refused, as by the hardware.
static void checkTarget(const Syntax &syntax) {
  int target = syntax.target.size() > 3 ? std::atoi(syntax.target.c_str() + 3) : 0;
  if (syntax.target.compare(0, 3, "sm_") != 0 || target > state().device)
    fail(FaultKind::InvalidPtx,
         "PTX for " + syntax.target + " on a device of sm_" + std::to_string(state().device));
}

extern "C" {

Result cuModuleLoadDataEx(Module *module, const void *image, unsigned options, int *names,
                          void **values) {
  char *log = nullptr;
  std::size_t logBytes = 0;
  for (unsigned i = 0; i < options; ++i) {
    if (names[i] == kJitErrorLog)
      log = static_cast<char *>(values[i]);
    if (names[i] == kJitErrorLogBytes)
      logBytes = reinterpret_cast<std::size_t>(values[i]);
  }
  Result code = guarded([&]() -> Result {
    if (!image)
      return kInvalidValue;
    static const unsigned char elf[4] = {0x7f, 'E', 'L', 'F'},
                               fat[4] = {0x50, 0xed, 0x55, 0xba};
    if (std::memcmp(image, elf, 4) == 0 || std::memcmp(image, fat, 4) == 0)
      return refuse(kNoBinaryForGpu, "the emulator runs PTX alone");
    auto loaded = std::make_unique<ModuleTag>();
    loaded->module = loadModule(static_cast<const char *>(image), place);
    checkTarget(loaded->module->syntax);
    *module = loaded.get();
    state().modules.insert(loaded.release());
    return kSuccess;
  });
  if (code == kInvalidPtx && log && logBytes)
    std::snprintf(log, logBytes, "%s", state().message.c_str());
  return code;
}

Result cuModuleUnload(Module module) {
  return guarded([&]() -> Result {
    if (state().modules.erase(module) == 0)
      return kInvalidHandle;
    for (const auto &[name, variable] : module->module->globals)
      state().memory->release(variable.address);
    delete module;
    return kSuccess;
  });
}

Result cuModuleGetFunction(Function *function, Module module, const char *name) {
  return guarded([&]() -> Result {
    if (!state().modules.count(module))
      return kInvalidHandle;
    const Kernel *kernel = module->module->find(name);
    if (!kernel)
      return refuse(kNotFound, std::string("the module has no kernel '") + name + "'");
    std::unique_ptr<FunctionTag> &entry = module->functions[name];
    if (!entry)
      entry = std::make_unique<FunctionTag>(FunctionTag{module, kernel, 0});
    *function = entry.get();
    return kSuccess;
  });
}

Result cuModuleGetGlobal_v2(DevicePointer *address, std::size_t *bytes, Module module,
                            const char *name) {
  return guarded([&]() -> Result {
    if (!state().modules.count(module))
      return kInvalidHandle;
    auto found = module->module->globals.find(name);
    if (found == module->module->globals.end())
      return kNotFound;
    if (address)
      *address = found->second.address;
    if (bytes)
      *bytes = found->second.bytes;
    return kSuccess;
  });
}

Result cuFuncSetAttribute(Function function, int attribute, int value) {
  return guarded([&]() -> Result {
    if (!function)
      return kInvalidHandle;
    int most = (state().device == 90 ? 227 : 163) * 1024;
    if (attribute != kFunctionMaxDynamicShared || value < 0 ||
        value + static_cast<int>(function->kernel->sharedBytes) > most)
      return refuse(kInvalidValue, "function attribute " + std::to_string(attribute) + " = " +
                                       std::to_string(value) + ": a block has at most " +
                                       std::to_string(most) + " bytes of shared memory");
    function->maxDynamicShared = value;
    return kSuccess;
  });
}

Result cuFuncGetAttribute(int *value, int attribute, Function function) {
  return guarded([&]() -> Result {
    if (!function)
      return kInvalidHandle;
    const Kernel &kernel = *function->kernel;
    switch (attribute) {
    case kFunctionMaxThreads:
      *value = kernel.maxThreads        ? static_cast<int>(kernel.maxThreads)
               : kernel.requiredThreads ? static_cast<int>(kernel.requiredThreads)
                                        : 1024;
      return kSuccess;
    case kFunctionSharedBytes:
      *value = static_cast<int>(kernel.sharedBytes);
      return kSuccess;
    case kFunctionLocalBytes:
      *value = static_cast<int>(kernel.localBytes);
      return kSuccess;
    case kFunctionRegisters:
      *value = static_cast<int>(kernel.liveRegisters);
      return kSuccess;
    case kFunctionMaxDynamicShared:
      *value = std::max(function->maxDynamicShared,
                        48 * 1024 - static_cast<int>(kernel.sharedBytes));
      return kSuccess;
    default:
      return kInvalidValue;
    }
  });
}
}
