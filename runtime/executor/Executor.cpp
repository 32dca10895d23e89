// Settings and runs: check everything, then walk the commands.
#include "runtime/executor/Executor.h"

#include "runtime/artifact/Expression.h"
#include "runtime/executor/ExecutorState.h"
#include "runtime/support/Text.h"

#include <chrono>
#include <cmath>
#include <cstring>
#include <map>

namespace ftc::rt {

const ArtifactReader &Executor::artifact() const { return *impl->artifact; }
const abi::Variant &Executor::variant() const { return *impl->variant; }
Device &Executor::device() { return *impl->device; }
const MemoryUse &Executor::memory() const { return impl->memory; }

SymbolHandle Executor::symbol(std::string_view name) const {
  return {impl->artifact->symbolIndex(name)};
}
ScalarHandle Executor::scalar(std::string_view name) const {
  return {impl->artifact->scalarIndex(name)};
}

template <typename Handle, typename Table>
static Handle findNamed(const Table &table, std::string_view name) {
  for (std::size_t i = 0; i < table.size(); ++i)
    if (table[i].name == name)
      return {static_cast<int>(i)};
  return {};
}

InputHandle Executor::input(std::string_view name) const {
  return findNamed<InputHandle>(impl->inputs, name);
}
OutputHandle Executor::output(std::string_view name) const {
  return findNamed<OutputHandle>(impl->outputs, name);
}
ProgramHandle Executor::program(std::string_view name) const {
  return findNamed<ProgramHandle>(impl->programs, name);
}

std::int64_t Executor::capacity(SymbolHandle symbol) const {
  return symbol ? impl->symbolCapacities[symbol.index] : 0;
}

void Executor::set(SymbolHandle symbol, std::int64_t value) {
  if (!symbol)
    return;
  impl->symbolValues[symbol.index] = value;
  impl->symbolSet[symbol.index] = 1;
}

void Executor::set(ScalarHandle scalar, double value) {
  if (scalar)
    impl->scalarValues[scalar.index] = value;
}

template <typename T>
Status Executor::Impl::setInput(InputHandle input, abi::DType dtype,
                                std::span<const T> values) {
  if (!input)
    return Status::ok();
  NamedArray &array = inputs[input.index];
  if (array.dtype != dtype)
    return Status::error("input " + quote(array.name) + " is " + nameOf(array.dtype) +
                         ", not " + nameOf(dtype));
  if (values.size() > static_cast<std::uint64_t>(array.capacity))
    return Status::error("input " + quote(array.name) + " has " +
                         std::to_string(values.size()) +
                         " elements, the artifact's capacity is " +
                         std::to_string(array.capacity) +
                         ": compile with a larger --max_tokens");
  if (!values.empty())
    std::memcpy(array.host, values.data(), values.size_bytes());
  array.elements = static_cast<std::int64_t>(values.size());
  return Status::ok();
}

Status Executor::setInput(InputHandle input, std::span<const std::int32_t> values) {
  return impl->setInput(input, abi::DType::I32, values);
}
Status Executor::setInput(InputHandle input, std::span<const std::int64_t> values) {
  return impl->setInput(input, abi::DType::I64, values);
}
Status Executor::setInput(InputHandle input, std::span<const float> values) {
  return impl->setInput(input, abi::DType::F32, values);
}
Status Executor::setInput(InputHandle input, std::span<const std::uint8_t> values) {
  return impl->setInput(input, abi::DType::U8, values);
}

template <typename T>
std::span<const T> Executor::Impl::output(OutputHandle output, abi::DType dtype) const {
  if (!output)
    return {};
  const NamedArray &array = outputs[output.index];
  if (array.dtype != dtype || array.elements < 0)
    return {};
  return {reinterpret_cast<const T *>(array.host), static_cast<std::size_t>(array.elements)};
}

std::span<const float> Executor::outputF32(OutputHandle output) const {
  return impl->output<float>(output, abi::DType::F32);
}
std::span<const std::int32_t> Executor::outputI32(OutputHandle output) const {
  return impl->output<std::int32_t>(output, abi::DType::I32);
}
std::span<const std::int64_t> Executor::outputI64(OutputHandle output) const {
  return impl->output<std::int64_t>(output, abi::DType::I64);
}

Status Executor::Impl::checkSettings(const PreparedProgram &program) const {
  auto context = [&] { return "program " + quote(program.name); };
  for (std::uint32_t index : program.usedSymbols) {
    std::int64_t value = symbolValues[index], limit = symbolCapacities[index];
    if (symbolSet[index] && value >= 0 && (limit == 0 || value <= limit))
      continue;
    std::string name = quote(text((*artifact)->symbols()->Get(index)->name()));
    if (!symbolSet[index])
      return Status::error(context() + ": symbol " + name + " is not set");
    if (value < 0)
      return Status::error(context() + ": symbol " + name + " is " + std::to_string(value) +
                           ", expected at least 0");
    return Status::error(context() + ": symbol " + name + " is " + std::to_string(value) +
                         ", its capacity is " + std::to_string(limit));
  }
  for (std::uint32_t index : program.usedScalars)
    if (std::isnan(scalarValues[index]))
      return Status::error(context() + ": scalar " +
                           quote(text((*artifact)->scalars()->Get(index)->name())) +
                           " is not set");
  return Status::ok();
}

Status Executor::Impl::checkInputs(const PreparedProgram &program) const {
  for (const BoundArray &bound : program.inputs) {
    const NamedArray &array = inputs[bound.array];
    if (array.elements == program.elementsOf(bound.buffer))
      continue;
    std::string context = "program " + quote(program.name) + ": input " + quote(array.name);
    if (array.elements < 0)
      return Status::error(context + " is not set");
    return Status::error(context + " has " + std::to_string(array.elements) +
                         " elements, expected " +
                         std::to_string(program.elementsOf(bound.buffer)));
  }
  return Status::ok();
}

Status Executor::Impl::uploadInputs(const PreparedProgram &program) {
  if (device->properties().hostVisible)
    return Status::ok();
  for (const BoundArray &bound : program.inputs) {
    NamedArray &array = inputs[bound.array];
    FTC_RETURN_IF_ERROR(device->upload(array.buffer.address, array.host,
                                       program.buffers[bound.buffer].bytes));
  }
  return Status::ok();
}

/// NaN in every float and -1 in every integer that a run must write before it reads.
Status Executor::Impl::poison(const PreparedProgram &program) {
  std::int64_t bytes = program.arenaBytes;
  if (gradientPlace == GradientPlace::Arena && !program.readsGradients)
    bytes = memory.arena;
  FTC_RETURN_IF_ERROR(device->fill(program.arena, 0xFF, bytes));
  for (const BoundArray &bound : program.outputs) {
    const DeviceBuffer &buffer = outputs[bound.array].buffer;
    FTC_RETURN_IF_ERROR(device->fill(buffer.address, 0xFF, buffer.bytes));
  }
  return Status::ok();
}

Status Executor::Impl::issue(const PreparedProgram &program, const PreparedCommand &command) {
  const PreparedBuffer *buffers = program.buffers.data();
  switch (command.kind) {
  case abi::Action::Launch:
    return device->launch(
        {command.kernel,
         {program.pointers.data() + command.buffersAt, command.bufferCount},
         {program.ints.data() + command.intsAt, command.intCount},
         {program.scalars.data() + command.scalarsAt, command.scalarCount},
         program.values[command.grid],
         program.guessNanoseconds(command),
         command.members,
         command.group});
  case abi::Action::Fill:
    return device->fill(buffers[command.destination].address, 0,
                        buffers[command.destination].bytes);
  case abi::Action::CopyBuffer:
    return device->copy(buffers[command.destination].address, buffers[command.source].address,
                        buffers[command.destination].bytes);
  default:
    return Status::ok();
  }
}

Status Executor::Impl::runCommands(PreparedProgram &program,
                                   std::vector<CommandProfile> *profile) {
  auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < program.commands.size(); ++i) {
    const PreparedCommand &command = program.commands[i];
    if (command.unlessSymbol >= 0 && symbolValues[command.unlessSymbol] != 0)
      continue;
    Status status = issue(program, command);
    if (status && profile && command.rest == 0) // a group runs when its last member is there
      status = device->synchronize();
    if (!status)
      return std::move(status).withContext(quote(program.labels[command.label], 40));
    if (!profile)
      continue;
    CommandProfile &sums = (*profile)[i];
    auto now = std::chrono::steady_clock::now();
    std::chrono::duration<double> passed = now - begin;
    begin = now;
    sums.seconds += passed.count();
    sums.calls += 1;
    if (command.flops >= 0)
      sums.flops += static_cast<double>(program.values[command.flops]);
    sums.bytes += program.bytesMoved(command);
  }
  return Status::ok();
}

Status Executor::Impl::downloadOutputs(const PreparedProgram &program) {
  if (!device->properties().hostVisible)
    for (const BoundArray &bound : program.outputs) {
      NamedArray &array = outputs[bound.array];
      FTC_RETURN_IF_ERROR(device->download(array.host, array.buffer.address,
                                           program.buffers[bound.buffer].bytes));
    }
  FTC_RETURN_IF_ERROR(device->synchronize());
  for (const BoundArray &bound : program.outputs)
    outputs[bound.array].elements = program.elementsOf(bound.buffer);
  return Status::ok();
}

Status Executor::run(ProgramHandle handle) {
  if (!handle)
    return Status::error(impl->artifact->name() + ": the artifact lacks a program that this "
                                                  "run needs: compile it again");
  PreparedProgram &program = impl->programs[handle.index];
  FTC_RETURN_IF_ERROR(impl->checkSettings(program));
  FTC_RETURN_IF_ERROR(program.evaluateSizes(impl->symbolValues));
  FTC_RETURN_IF_ERROR(impl->checkInputs(program));
  for (std::size_t i = 0; i < program.scalars.size(); ++i)
    program.scalars[i] = impl->scalarValues[program.scalarSources[i]];
  for (const BoundArray &bound : program.outputs)
    impl->outputs[bound.array].elements = -1;

  auto *profile = impl->profiles.empty() ? nullptr : &impl->profiles[handle.index];
  Status status;
  if (impl->poisonArena)
    status = impl->poison(program);
  if (status)
    status = impl->uploadInputs(program);
  if (status)
    status = impl->device->beginRun(program.name);
  if (status)
    status = impl->runCommands(program, profile);
  if (status)
    status = impl->device->endRun();
  if (status) {
    for (const PreparedCommand &command : program.commands)
      if (command.flops >= 0)
        impl->flopsDone += static_cast<double>(program.values[command.flops]);
    return impl->downloadOutputs(program);
  }
  // Host memory of what was queued must stay valid until the queue is empty.
  (void)impl->device->synchronize().isOk();
  return std::move(status).withContext("program " + quote(program.name));
}

double Executor::flopsDone() const { return impl->flopsDone; }

std::vector<ProfileEntry> Executor::profile(ProgramHandle handle) const {
  std::vector<ProfileEntry> entries;
  if (!handle || impl->profiles.empty())
    return entries;
  const PreparedProgram &program = impl->programs[handle.index];
  const std::vector<CommandProfile> &commands = impl->profiles[handle.index];
  std::map<std::pair<std::uint32_t, std::int64_t>, std::size_t> known;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    const PreparedCommand &command = program.commands[i];
    bool launch = command.kind == abi::Action::Launch;
    auto [place, fresh] = known.try_emplace(
        {command.label, launch ? std::int64_t(command.kernelIndex) : -1}, entries.size());
    if (fresh)
      entries.push_back(
          {program.labels[command.label],
           launch
               ? std::string(text(impl->variant->kernels()->Get(command.kernelIndex)->name()))
               : std::string()});
    ProfileEntry &entry = entries[place->second];
    entry.calls += commands[i].calls;
    entry.seconds += commands[i].seconds;
    entry.flops += commands[i].flops;
    entry.bytes += commands[i].bytes;
  }
  return entries;
}

void Executor::resetProfile() {
  for (std::vector<CommandProfile> &commands : impl->profiles)
    commands.assign(commands.size(), {});
}

} // namespace ftc::rt
