// Creating an executor: variant, module, segments, inputs, outputs, prepared programs. All
// memory it will ever use is allocated here.
#include "runtime/executor/ExecutorState.h"

#include "runtime/artifact/Expression.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <utility>

namespace ftc::rt {

Executor::Impl::~Impl() {
  if (!device)
    return;
  for (DeviceBuffer *buffer : {&params, &grads, &moments, &state, &arena})
    if (buffer->address)
      device->free(*buffer);
  for (std::vector<NamedArray> *arrays : {&inputs, &outputs})
    for (NamedArray &array : *arrays)
      if (array.buffer.address)
        device->free(array.buffer);
}

Status Executor::Impl::loadModule() {
  std::vector<KernelSpec> specs;
  std::int64_t scratch = 0;
  for (std::uint32_t i = 0; i < count(variant->kernels()); ++i) {
    const abi::Kernel &kernel = *variant->kernels()->Get(i);
    specs.push_back({text(kernel.name()), kernel.scratch_bytes(), kernel.threads(),
                     kernel.shared_bytes(), kernel.grouped()});
    if (kernel.threads() == 0) // a GPU's scratch is on chip
      scratch = std::max(scratch, kernel.scratch_bytes());
  }
  std::span<const std::uint8_t> object(variant->object()->data(), variant->object()->size());
  std::span<const std::uint8_t> cubin;
  if (const auto *bytes = variant->cubin())
    cubin = {bytes->data(), bytes->size()};
  FTC_ASSIGN_OR_RETURN(module, device->loadModule(object, specs, cubin));
  memory.scratch = scratch * device->properties().threads;
  return Status::ok();
}

Status Executor::Impl::allocateSegment(DeviceBuffer &buffer, std::int64_t bytes,
                                       std::int64_t &use, Contents contents) {
  FTC_ASSIGN_OR_RETURN(buffer, device->allocate(bytes, contents));
  use = bytes;
  return Status::ok();
}

Status Executor::Impl::allocateGradients() {
  return allocateSegment(grads, variant->trainable_elements() * 4, memory.grads,
                         Contents::Zeros);
}

/// Whether the device has room for all of `memory`: found before the first of it is taken.
Status Executor::Impl::checkRoom() const {
  std::optional<std::int64_t> left = device->freeBytes();
  std::int64_t needed = memory.peak() - memory.scratch;
  if (!left || needed <= *left)
    return Status::ok();
  auto part = [](const char *name, std::int64_t bytes) {
    return bytes ? std::string(name) + " " + describeBytes(bytes) + ", " : "";
  };
  return Status::error("a run needs " + describeBytes(needed) + " of the device's memory (" +
                       part("parameters", memory.params) + part("gradients", memory.grads) +
                       part("moments", memory.moments) + part("caches", memory.state) +
                       "activations and batches " +
                       describeBytes(memory.arena + memory.inputs + memory.outputs) + "), " +
                       describeBytes(*left) +
                       " are free: lower --max_tokens or set --memory_budget when compiling");
}

/// Allocates the segments that the chosen programs touch. Parameters, gradients, moments and
/// state begin as zeros, so that the gaps between parameters stay zero for good, and so do the
/// rows of compact gradients and moments that are not yet in use.
Status Executor::Impl::chooseSegments() {
  bool usesState = false;
  std::int64_t arenaBytes = 0;
  for (const abi::Program *program : chosen) {
    arenaBytes = std::max(arenaBytes, program->arena_bytes());
    for (std::uint32_t i = 0; i < count(program->buffers()); ++i) {
      abi::Segment segment = program->buffers()->Get(i)->segment();
      hasGrads |= segment == abi::Segment::Grads;
      hasMoments |= segment == abi::Segment::Moments;
      usesState |= segment == abi::Segment::State;
    }
  }
  ownArena = arenaBytes;
  if (!hasGrads || overlaidEnd(*variant) == 0)
    gradientPlace = GradientPlace::Apart;
  if (gradientPlace == GradientPlace::Arena)
    arenaBytes = std::max(arenaBytes, overlaidEnd(*variant));
  memory.params = variant->params_elements() * 4;
  memory.grads =
      hasGrads && gradientPlace == GradientPlace::Apart ? variant->trainable_elements() * 4 : 0;
  memory.moments = hasMoments ? variant->moments_bytes() : 0;
  memory.state = usesState ? variant->state_bytes() : 0;
  memory.arena = arenaBytes;
  for (const auto &[arrays, use] :
       {std::pair(&inputs, &memory.inputs), std::pair(&outputs, &memory.outputs)})
    for (const NamedArray &array : *arrays)
      *use += array.capacity * sizeOf(array.dtype);
  FTC_RETURN_IF_ERROR(checkRoom());
  FTC_RETURN_IF_ERROR(
      allocateSegment(params, variant->params_elements() * 4, memory.params, Contents::Zeros));
  if (hasGrads && gradientPlace == GradientPlace::Apart)
    FTC_RETURN_IF_ERROR(allocateGradients());
  if (hasMoments)
    FTC_RETURN_IF_ERROR(
        allocateSegment(moments, variant->moments_bytes(), memory.moments, Contents::Zeros));
  if (usesState)
    FTC_RETURN_IF_ERROR(
        allocateSegment(state, variant->state_bytes(), memory.state, Contents::Zeros));
  return allocateSegment(arena, arenaBytes, memory.arena, Contents::Undefined);
}

static NamedArray *findArray(std::vector<NamedArray> &arrays, std::string_view name) {
  for (NamedArray &array : arrays)
    if (array.name == name)
      return &array;
  return nullptr;
}

Status Executor::Impl::addArrays(const abi::Program &program) {
  for (std::uint32_t i = 0; i < count(program.buffers()); ++i) {
    const abi::Buffer &buffer = *program.buffers()->Get(i);
    if (buffer.segment() != abi::Segment::Input && buffer.segment() != abi::Segment::Output)
      continue;
    auto &arrays = buffer.segment() == abi::Segment::Input ? inputs : outputs;
    std::int64_t elements = 0;
    if (!upperBound(*buffer.elements(), symbolCapacities, elements))
      return Status::error("the size of " + quote(text(buffer.name())) + " overflows");
    NamedArray *array = findArray(arrays, text(buffer.name()));
    if (!array) {
      array = &arrays.emplace_back();
      array->name = text(buffer.name());
      array->dtype = buffer.dtype();
    }
    array->capacity = std::max(array->capacity, elements);
  }
  return Status::ok();
}

Status Executor::Impl::allocateArrays(std::vector<NamedArray> &arrays) {
  for (NamedArray &array : arrays) {
    std::int64_t bytes = array.capacity * sizeOf(array.dtype);
    FTC_ASSIGN_OR_RETURN(array.buffer, device->allocate(bytes));
    if (device->properties().hostVisible) {
      array.host = array.buffer.address;
    } else {
      array.mirror.resize(static_cast<std::size_t>(bytes));
      array.host = array.mirror.data();
    }
  }
  return Status::ok();
}

std::byte *Executor::Impl::gradient(std::int64_t element) const {
  if (gradientPlace == GradientPlace::Apart)
    return grads.address + 4 * element;
  std::int64_t dense = element - variant->overlaid_from();
  return arena.address + (dense < 0 ? variant->overlaid_compact_at() + 4 * element
                                    : variant->overlaid_at() + 4 * dense);
}

PreparedProgram::Binding Executor::Impl::bind(const abi::Buffer &buffer) {
  auto named = [&](std::vector<NamedArray> &arrays) {
    NamedArray *array = findArray(arrays, text(buffer.name()));
    return PreparedProgram::Binding{array->buffer.address,
                                    static_cast<int>(array - arrays.data())};
  };
  switch (buffer.segment()) {
  case abi::Segment::Params:
    return {params.address + buffer.offset() * 4};
  case abi::Segment::Grads:
    return {gradient(buffer.offset())};
  case abi::Segment::Moments:
    return {moments.address + buffer.offset()};
  case abi::Segment::Arena:
    return {arena.address + buffer.offset()};
  case abi::Segment::State:
    return {state.address + buffer.offset()};
  case abi::Segment::Input:
    return named(inputs);
  case abi::Segment::Output:
    return named(outputs);
  }
  return {};
}

/// The programs that were asked for, or all of them.
static Result<std::vector<const abi::Program *>>
choosePrograms(const abi::Variant &variant, const std::vector<std::string> &names) {
  std::vector<const abi::Program *> chosen;
  std::vector<std::string> present;
  for (std::uint32_t i = 0; i < count(variant.programs()); ++i) {
    const abi::Program *program = variant.programs()->Get(i);
    present.emplace_back(text(program->name()));
    if (names.empty() || std::find(names.begin(), names.end(), present.back()) != names.end())
      chosen.push_back(program);
  }
  for (const std::string &name : names)
    if (std::find(present.begin(), present.end(), name) == present.end())
      return Status::error("the artifact has no program " + quote(name) + ", it has " +
                           quoteList(present, 8) + ": compile it again");
  return chosen;
}

Status Executor::Impl::initialize(const ExecutorOptions &options) {
  const abi::Artifact &root = artifact->root();
  poisonArena = options.poisonArena || device->properties().poisons;
  for (std::uint32_t i = 0; i < count(root.symbols()); ++i)
    symbolCapacities.push_back(root.symbols()->Get(i)->capacity());
  symbolValues.assign(symbolCapacities.size(), 0);
  symbolSet.assign(symbolCapacities.size(), 0);
  for (std::uint32_t i = 0; i < count(root.scalars()); ++i)
    scalarValues.push_back(root.scalars()->Get(i)->default_value());
  gradientPlace = options.gradients;
  FTC_ASSIGN_OR_RETURN(chosen, choosePrograms(*variant, options.programs));
  FTC_RETURN_IF_ERROR(loadModule());
  for (const abi::Program *program : chosen)
    FTC_RETURN_IF_ERROR(addArrays(*program));
  FTC_RETURN_IF_ERROR(chooseSegments());
  FTC_RETURN_IF_ERROR(allocateArrays(inputs));
  FTC_RETURN_IF_ERROR(allocateArrays(outputs));
  preparePrograms();
  if (options.profile)
    for (const PreparedProgram &program : programs)
      profiles.emplace_back(program.commands.size());
  return device->synchronize();
}

void Executor::Impl::preparePrograms() {
  programs.clear();
  for (const abi::Program *program : chosen) {
    PreparedProgram prepared =
        PreparedProgram::make(*program, *module, count((*artifact)->symbols()),
                              [&](const abi::Buffer &buffer) { return bind(buffer); });
    prepared.arena = arena.address;
    programs.push_back(std::move(prepared));
  }
}

GradientPlace Executor::gradientPlace() const { return impl->gradientPlace; }

std::int64_t Executor::lackingForGradientsApart() const {
  std::optional<std::int64_t> left = impl->device->freeBytes();
  if (!left || impl->gradientPlace == GradientPlace::Apart)
    return 0;
  std::int64_t needed = impl->ownArena + impl->variant->trainable_elements() * 4;
  return std::max<std::int64_t>(0, needed - *left - impl->memory.arena);
}

Status Executor::keepGradientsApart() {
  if (impl->gradientPlace == GradientPlace::Apart)
    return Status::ok();
  // The arena gives back what it had for them: a run then holds what a plan apart says.
  FTC_RETURN_IF_ERROR(impl->device->synchronize());
  impl->device->free(std::exchange(impl->arena, {}));
  FTC_RETURN_IF_ERROR(impl->allocateSegment(impl->arena, impl->ownArena, impl->memory.arena,
                                            Contents::Undefined));
  FTC_RETURN_IF_ERROR(impl->allocateGradients());
  impl->gradientPlace = GradientPlace::Apart;
  impl->preparePrograms();
  return Status::ok();
}

Executor::Executor() : impl(std::make_unique<Impl>()) {}
Executor::~Executor() = default;

Result<std::unique_ptr<Executor>>
Executor::create(std::shared_ptr<const ArtifactReader> artifact, std::shared_ptr<Device> device,
                 const ExecutorOptions &options) {
  std::unique_ptr<Executor> executor(new Executor);
  FTC_ASSIGN_OR_RETURN(std::uint32_t chosen, chooseVariant(*artifact, *device));
  executor->impl->artifact = artifact;
  executor->impl->device = std::move(device);
  executor->impl->variant = artifact->root().variants()->Get(chosen);
  FTC_RETURN_IF_ERROR(executor->impl->initialize(options).withContext(artifact->name()));
  return executor;
}

} // namespace ftc::rt
