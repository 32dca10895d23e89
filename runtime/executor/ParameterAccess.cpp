// Parameters and gradients between their canonical form and the variant's storage.
#include "runtime/artifact/Expression.h"
#include "runtime/executor/ExecutorState.h"
#include "runtime/executor/HalfStorage.h"
#include "runtime/executor/Layout.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cstring>

namespace ftc::rt {

static const char *nameOf(ParameterSlot slot) {
  switch (slot) {
  case ParameterSlot::Params:
    return "parameters";
  case ParameterSlot::Grads:
    return "gradients";
  case ParameterSlot::Moments:
    return "moments";
  }
  return "parameters";
}

static std::span<const std::int64_t> shapeOf(const abi::Parameter &parameter) {
  return {parameter.shape()->data(), parameter.shape()->size()};
}

std::int64_t Executor::parameterElements(std::uint32_t index) const {
  std::int64_t elements = 1;
  for (std::int64_t dimension : shapeOf(*impl->artifact->root().parameters()->Get(index)))
    elements *= dimension;
  return elements;
}

bool Executor::has(ParameterSlot slot) const {
  return slot == ParameterSlot::Params || (slot == ParameterSlot::Grads && impl->hasGrads) ||
         (slot == ParameterSlot::Moments && impl->hasMoments);
}

Result<std::byte *> Executor::Impl::locate(std::uint32_t index, ParameterSlot slot) {
  const auto *parameters = (*artifact)->parameters();
  if (index >= count(parameters))
    return Status::error("parameter " + std::to_string(index) + " of " +
                         std::to_string(count(parameters)));
  const abi::Parameter &parameter = *parameters->Get(index);
  std::int64_t offset = variant->storage()->Get(index)->offset() * 4;
  if (slot == ParameterSlot::Params)
    return params.address + offset;
  if (slot == ParameterSlot::Moments || !hasGrads || !parameter.trainable())
    return Status::error(std::string("no ") + nameOf(slot) + " are held for parameter " +
                         quote(text(parameter.name())));
  return gradient(variant->storage()->Get(index)->offset());
}

Result<std::span<float>> hostStorage(Device &device, std::byte *address, std::int64_t elements,
                                     std::vector<float> &held, bool read) {
  auto size = static_cast<std::size_t>(elements);
  if (device.properties().hostVisible)
    return std::span<float>(reinterpret_cast<float *>(address), size);
  held.resize(size);
  if (read) {
    FTC_RETURN_IF_ERROR(device.download(held.data(), address, elements * 4));
    FTC_RETURN_IF_ERROR(device.synchronize());
  }
  return std::span<float>(held);
}

/// Whether a slot of a parameter holds its file's 16-bit type; gradients and moments are f32.
static bool isHalf(const abi::ParameterStorage &storage, ParameterSlot slot) {
  return slot == ParameterSlot::Params && storage.dtype() != abi::DType::F32;
}

/// Storage units of 4 bytes as the 16-bit elements they hold; of an odd number the last half
/// unit stays zero.
static std::span<std::uint16_t> halves(std::span<float> units) {
  return {reinterpret_cast<std::uint16_t *>(units.data()), 2 * units.size()};
}

/// As many of them as the layout takes.
static std::span<std::uint16_t> halves(std::span<float> units, const abi::Parameter &parameter,
                                       const abi::ParameterStorage &storage) {
  std::int64_t elements = 0;
  (void)storageElements(shapeOf(parameter), *storage.layout(), elements); // checked when opened
  return halves(units).first(static_cast<std::size_t>(elements));
}

static Status checkCount(const abi::Parameter &parameter, std::size_t given,
                         std::int64_t expected) {
  if (given == static_cast<std::uint64_t>(expected))
    return Status::ok();
  return Status::error("parameter " + quote(text(parameter.name())) + " has " +
                       std::to_string(expected) + " elements, got " + std::to_string(given));
}

Status Executor::loadParameter(std::uint32_t index, std::span<const float> values,
                               ParameterSlot slot) {
  FTC_ASSIGN_OR_RETURN(std::byte * address, impl->locate(index, slot));
  const abi::Parameter &parameter = *impl->artifact->root().parameters()->Get(index);
  FTC_RETURN_IF_ERROR(checkCount(parameter, values.size(), parameterElements(index)));
  const abi::ParameterStorage &storage = *impl->variant->storage()->Get(index);
  std::vector<float> held;
  FTC_ASSIGN_OR_RETURN(std::span<float> packed, hostStorage(*impl->device, address,
                                                            storage.elements(), held, false));
  if (!isHalf(storage, slot))
    packParameter(shapeOf(parameter), *storage.layout(), values, packed);
  else if (!packHalf(shapeOf(parameter), *storage.layout(), storage.dtype(), values,
                     halves(packed, parameter, storage)))
    return Status::error("parameter " + quote(text(parameter.name())) +
                         " has a value that is not " + nameOf(storage.dtype()) +
                         ", in which this artifact keeps it; compile it again");
  if (impl->device->properties().hostVisible)
    return Status::ok();
  FTC_RETURN_IF_ERROR(impl->device->upload(address, held.data(), storage.elements() * 4));
  return impl->device->synchronize();
}

std::span<float> Executor::parameterInPlace(std::uint32_t index) const {
  const abi::ParameterStorage &storage = *impl->variant->storage()->Get(index);
  if (!impl->device->properties().hostVisible ||
      storage.layout()->kind() != abi::LayoutKind::RowMajor ||
      storage.dtype() != abi::DType::F32)
    return {};
  return {reinterpret_cast<float *>(impl->params.address + 4 * storage.offset()),
          static_cast<std::size_t>(parameterElements(index))};
}

Status Executor::storeParameter(std::uint32_t index, std::span<float> values,
                                ParameterSlot slot) {
  if (index < count(impl->artifact->root().parameters()))
    FTC_RETURN_IF_ERROR(checkCount(*impl->artifact->root().parameters()->Get(index),
                                   values.size(), parameterElements(index)));
  return storeParameterRange(index, 0, values, slot);
}

Status Executor::storeParameterRange(std::uint32_t index, std::int64_t first,
                                     std::span<float> values, ParameterSlot slot) {
  FTC_ASSIGN_OR_RETURN(std::byte * address, impl->locate(index, slot));
  const abi::Parameter &parameter = *impl->artifact->root().parameters()->Get(index);
  std::int64_t elements = parameterElements(index);
  if (first < 0 || first > elements ||
      values.size() > static_cast<std::uint64_t>(elements - first))
    return Status::error("parameter " + quote(text(parameter.name())) + " has " +
                         std::to_string(elements) + " elements, got a range from " +
                         std::to_string(first) + " of " + std::to_string(values.size()));
  const abi::ParameterStorage &storage = *impl->variant->storage()->Get(index);
  std::vector<float> held;
  FTC_ASSIGN_OR_RETURN(std::span<float> packed, hostStorage(*impl->device, address,
                                                            storage.elements(), held, true));
  if (isHalf(storage, slot))
    unpackHalf(shapeOf(parameter), *storage.layout(), storage.dtype(),
               halves(packed, parameter, storage), values, first);
  else
    unpackParameter(shapeOf(parameter), *storage.layout(), packed, values, first);
  return Status::ok();
}

/// Whether 16-bit floats are finite, by the bits of their exponents.
static bool allFinite(std::span<const std::uint16_t> values, abi::DType dtype) {
  std::uint16_t exponent = dtype == abi::DType::BF16 ? 0x7F80 : 0x7C00;
  bool found = false;
  for (std::uint16_t value : values)
    found |= (value & exponent) == exponent;
  return !found;
}

/// Whether all are finite, by their exponents: no branch an element.
static bool allFinite(std::span<const float> values) {
  constexpr std::uint32_t exponent = 0x7F800000;
  std::uint32_t found = 0;
  for (float value : values) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    found |= (bits & exponent) == exponent ? 1u : 0u;
  }
  return found == 0;
}

Result<std::optional<std::string>> Executor::firstNonFinite(ParameterSlot slot) {
  std::vector<float> held;
  const auto *parameters = impl->artifact->root().parameters();
  for (std::uint32_t i = 0; i < count(parameters); ++i) {
    if (slot != ParameterSlot::Params && !parameters->Get(i)->trainable())
      continue;
    FTC_ASSIGN_OR_RETURN(std::byte * address, impl->locate(i, slot));
    const abi::ParameterStorage &storage = *impl->variant->storage()->Get(i);
    std::int64_t elements = storage.elements();
    // In the arena, rows of a compact gradient that are not in use hold anything.
    if (slot == ParameterSlot::Grads && impl->gradientPlace == GradientPlace::Arena &&
        storage.offset() < impl->variant->overlaid_from())
      elements = std::min(elements, impl->touchedRows() * parameters->Get(i)->shape()->Get(1));
    FTC_ASSIGN_OR_RETURN(std::span<float> values,
                         hostStorage(*impl->device, address, elements, held, true));
    if (isHalf(storage, slot) ? !allFinite(halves(values), storage.dtype())
                              : !allFinite(values))
      return std::optional<std::string>(text(parameters->Get(i)->name()));
  }
  return std::optional<std::string>();
}

Status Executor::clear(ParameterSlot slot) {
  DeviceBuffer &buffer = slot == ParameterSlot::Params  ? impl->params
                         : slot == ParameterSlot::Grads ? impl->grads
                                                        : impl->moments;
  if (slot == ParameterSlot::Grads && impl->gradientPlace == GradientPlace::Arena)
    return Status::error("gradients in the arena begin with each step: expected none to clear");
  if (!buffer.address)
    return Status::ok();
  if (slot != ParameterSlot::Moments)
    FTC_RETURN_IF_ERROR(impl->device->fill(buffer.address, 0, buffer.bytes));
  // What lies between them is zero, and so are rows of compact ones that are not in use.
  for (std::uint32_t i = 0; slot == ParameterSlot::Moments && i < count(variant().moments());
       ++i) {
    const abi::MomentStorage &moment = *variant().moments()->Get(i);
    std::int64_t bytes = moment.compact() ? impl->canonicalBytes(moment)
                                          : moment.elements() * sizeOf(moment.dtype());
    FTC_RETURN_IF_ERROR(impl->device->fill(buffer.address + moment.offset(), 0, bytes));
  }
  return impl->device->synchronize();
}

Status Executor::clearState() {
  if (!impl->state.address)
    return Status::ok();
  FTC_RETURN_IF_ERROR(impl->device->fill(impl->state.address, 0, impl->state.bytes));
  return impl->device->synchronize();
}

} // namespace ftc::rt
