#include "test/emulator/machine/Decoder.h"

namespace ftc::emulator {

std::unique_ptr<PtxModule>
loadModule(std::string_view text,
           const std::function<std::uint64_t(const Variable &)> &allocate) {
  auto module = std::make_unique<PtxModule>();
  module->syntax = parsePtx(text);
  for (const Variable &variable : module->syntax.variables)
    if (variable.space == Space::Global || variable.space == Space::Const)
      module->globals[variable.name] = {allocate(variable), variable.bytes};
  for (const EntryPoint &function : module->syntax.functions) {
    auto kernel = std::make_unique<Kernel>();
    kernel->name = function.name;
    kernel->module = module.get();
    kernel->parameters = function.parameters;
    kernel->parameterBytes = function.parameterBytes;
    kernel->maxThreads = function.maxThreads;
    kernel->requiredThreads = function.requiredThreads;
    Decoder(*module, function, *kernel).decode();
    module->kernels.push_back(std::move(kernel));
  }
  return module;
}

std::string describe(const Kernel &kernel, const Instruction &instruction) {
  return "kernel '" + kernel.name + "', " +
         quoteLine(kernel.module->syntax.lines, instruction.line);
}

} // namespace ftc::emulator
