// Resolving a program once, and evaluating its sizes for each run.
#include "runtime/executor/PreparedProgram.h"

#include "runtime/artifact/Expression.h"
#include "runtime/support/Text.h"

#include <algorithm>

namespace ftc::rt {

ExpressionId PreparedProgram::intern(const abi::Expr &expr) {
  std::vector<std::int64_t> key{expr.constant()};
  for (std::uint32_t i = 0; i < count(expr.terms()); ++i) {
    const abi::Term &term = *expr.terms()->Get(i);
    symbolUsed[term.symbol()] = true;
    key.insert(key.end(), {term.symbol(), term.divisor(), term.coefficient()});
  }
  auto [entry, isNew] =
      interned.emplace(std::move(key), static_cast<ExpressionId>(expressions.size()));
  if (isNew)
    expressions.push_back(&expr);
  return entry->second;
}

void PreparedProgram::addLaunch(const abi::Launch &launch, const Module &module,
                                PreparedCommand &prepared) {
  prepared.kernel = module.kernel(launch.kernel());
  prepared.kernelIndex = launch.kernel();
  prepared.buffersAt = static_cast<std::uint32_t>(pointers.size());
  prepared.bufferCount = count(launch.operands());
  for (std::uint32_t i = 0; i < prepared.bufferCount; ++i) {
    pointerBuffers.push_back(launch.operands()->Get(i)->buffer());
    pointerAccess.push_back(launch.operands()->Get(i)->access());
    pointers.push_back(buffers[pointerBuffers.back()].address);
  }
  prepared.intsAt = static_cast<std::uint32_t>(intSources.size());
  prepared.intCount = count(launch.ints());
  for (std::uint32_t i = 0; i < prepared.intCount; ++i)
    intSources.push_back(intern(*launch.ints()->Get(i)));
  prepared.scalarsAt = static_cast<std::uint32_t>(scalarSources.size());
  prepared.scalarCount = count(launch.scalars());
  for (std::uint32_t i = 0; i < prepared.scalarCount; ++i)
    scalarSources.push_back(launch.scalars()->Get(i));
  prepared.grid = intern(*launch.grid());
  prepared.members = launch.members();
  if (prepared.members > 0)
    prepared.group = module.kernel(launch.group());
  bool inside = !commands.empty() && commands.back().rest > 0;
  prepared.rest = inside ? commands.back().rest - 1
                  : prepared.members > 0 ? prepared.members - 1
                                         : 0;
}

void PreparedProgram::addCommand(const abi::Command &command, const Module &module) {
  PreparedCommand prepared;
  prepared.kind = command.action_type();
  prepared.unlessSymbol = command.unless_symbol();
  if (prepared.unlessSymbol >= 0)
    symbolUsed[prepared.unlessSymbol] = true;
  std::string label(text(command.label()));
  if (label.empty())
    label = abi::EnumNameAction(prepared.kind);
  auto [entry, isNew] = labelIds.emplace(label, static_cast<std::uint32_t>(labels.size()));
  if (isNew)
    labels.push_back(label);
  prepared.label = entry->second;
  if (command.flops())
    prepared.flops = intern(*command.flops());
  if (command.bytes())
    prepared.costBytes = intern(*command.bytes());
  if (const auto *launch = command.action_as_Launch()) {
    addLaunch(*launch, module, prepared);
  } else if (const auto *fill = command.action_as_Fill()) {
    prepared.destination = fill->buffer();
  } else if (const auto *copy = command.action_as_CopyBuffer()) {
    prepared.source = copy->source();
    prepared.destination = copy->destination();
  }
  commands.push_back(prepared);
}

/// Whether some gradient is read before a command of the program has written to it.
bool PreparedProgram::findsGradients() const {
  std::vector<bool> written(buffers.size(), false);
  for (const PreparedCommand &command : commands) {
    if (command.kind != abi::Action::Launch) {
      written[command.destination] = true;
      continue;
    }
    for (std::uint32_t i = 0; i < command.bufferCount; ++i) {
      std::uint32_t buffer = pointerBuffers[command.buffersAt + i];
      if (pointerAccess[command.buffersAt + i] != abi::Access::Read)
        written[buffer] = true;
      else if (buffers[buffer].segment == abi::Segment::Grads && !written[buffer])
        return true;
    }
  }
  return false;
}

PreparedProgram PreparedProgram::make(const abi::Program &program, const Module &module,
                                      std::uint32_t symbolCount, const Binder &bind) {
  PreparedProgram out;
  out.name = text(program.name());
  out.arenaBytes = program.arena_bytes();
  out.symbolUsed.assign(symbolCount, false);
  for (std::uint32_t i = 0; i < count(program.buffers()); ++i) {
    const abi::Buffer &buffer = *program.buffers()->Get(i);
    Binding binding = bind(buffer);
    out.buffers.push_back({binding.address, sizeOf(buffer.dtype()),
                           out.intern(*buffer.elements()), 0, buffer.segment()});
    if (buffer.segment() == abi::Segment::Input)
      out.inputs.push_back({static_cast<std::uint32_t>(binding.array), i});
    if (buffer.segment() == abi::Segment::Output)
      out.outputs.push_back({static_cast<std::uint32_t>(binding.array), i});
  }
  for (std::uint32_t i = 0; i < count(program.commands()); ++i)
    out.addCommand(*program.commands()->Get(i), module);
  for (std::uint32_t i = 0; i < symbolCount; ++i)
    if (out.symbolUsed[i])
      out.usedSymbols.push_back(i);
  out.usedScalars = out.scalarSources;
  std::sort(out.usedScalars.begin(), out.usedScalars.end());
  out.usedScalars.erase(std::unique(out.usedScalars.begin(), out.usedScalars.end()),
                        out.usedScalars.end());
  out.readsGradients = out.findsGradients();
  out.ints.resize(out.intSources.size());
  out.scalars.resize(out.scalarSources.size());
  out.values.resize(out.expressions.size());
  return out;
}

std::string PreparedProgram::describe(const PreparedCommand &command) const {
  return "command " + std::to_string(&command - commands.data()) + " (" +
         quote(labels[command.label], 40) + ")";
}

std::int64_t PreparedProgram::guessNanoseconds(const PreparedCommand &command) const {
  // One core moves about 10 bytes and computes about 40 FLOPs a nanosecond.
  constexpr std::int64_t bytesPerNanosecond = 10, flopsPerNanosecond = 40;
  std::int64_t bytes = 0; // a sum of sizes below 2^46 each
  for (std::uint32_t i = 0; i < command.bufferCount; ++i)
    bytes += buffers[pointerBuffers[command.buffersAt + i]].bytes;
  std::int64_t flops = command.flops >= 0 ? values[command.flops] : 0;
  return bytes / bytesPerNanosecond + std::max<std::int64_t>(0, flops) / flopsPerNanosecond;
}

double PreparedProgram::bytesMoved(const PreparedCommand &command) const {
  if (command.costBytes >= 0)
    return static_cast<double>(values[command.costBytes]);
  if (command.kind != abi::Action::Launch)
    return static_cast<double>(buffers[command.destination].bytes) *
           (command.kind == abi::Action::CopyBuffer ? 2 : 1);
  double bytes = 0;
  const std::uint32_t *operands = pointerBuffers.data() + command.buffersAt;
  const abi::Access *access = pointerAccess.data() + command.buffersAt;
  for (std::uint32_t i = 0; i < command.bufferCount; ++i) {
    // A buffer that several operands name counts once, at the first of them.
    bool read = false, written = false, counted = false;
    for (std::uint32_t k = 0; k < command.bufferCount; ++k) {
      if (operands[k] != operands[i])
        continue;
      counted = counted || k < i;
      read = read || access[k] != abi::Access::Write;
      written = written || access[k] != abi::Access::Read;
    }
    if (!counted)
      bytes += static_cast<double>(buffers[operands[i]].bytes) * (read + written);
  }
  return bytes;
}

Status PreparedProgram::evaluateSizes(std::span<const std::int64_t> symbols) {
  for (std::size_t i = 0; i < expressions.size(); ++i)
    if (!evaluate(*expressions[i], symbols, values[i]))
      return Status::error("a size of program " + quote(name) +
                           " does not fit 64 bits for these symbols");
  for (PreparedBuffer &buffer : buffers) {
    std::int64_t elements = values[buffer.elements];
    if (elements < 0)
      return Status::error("program " + quote(name) + " buffer " +
                           std::to_string(&buffer - buffers.data()) +
                           " has a negative size for these symbols");
    buffer.bytes = elements * buffer.elementBytes; // bounded at capacity by the reader
  }
  for (const PreparedCommand &command : commands) {
    if (command.kind == abi::Action::Launch && values[command.grid] < 0)
      return Status::error("program " + quote(name) + " " + describe(command) +
                           " has a negative grid for these symbols");
    if (command.kind != abi::Action::CopyBuffer)
      continue;
    const PreparedBuffer &from = buffers[command.source], &to = buffers[command.destination];
    bool apart = from.address + from.bytes <= to.address ||
                 to.address + to.bytes <= from.address;
    if (from.bytes != to.bytes || !apart)
      return Status::error("program " + quote(name) + " " + describe(command) + " copies " +
                           std::to_string(from.bytes) + " bytes into " +
                           std::to_string(to.bytes) + (apart ? "" : " that overlap them"));
  }
  for (std::size_t i = 0; i < intSources.size(); ++i)
    ints[i] = values[intSources[i]];
  return Status::ok();
}

} // namespace ftc::rt
