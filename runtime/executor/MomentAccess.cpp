// The optimizer's moments between their canonical form and the variant's storage.
#include "runtime/artifact/CompactRows.h"
#include "runtime/artifact/Expression.h"
#include "runtime/executor/ExecutorState.h"
#include "runtime/executor/Layout.h"
#include "runtime/support/Text.h"

#include <cstring>

namespace ftc::rt {

static std::span<const std::int64_t> shapeOf(const abi::MomentStorage &moment) {
  return {moment.shape()->data(), moment.shape()->size()};
}

std::int64_t Executor::Impl::touchedRows() const {
  int index = artifact->symbolIndex(kTouched);
  return index >= 0 && symbolSet[index] ? symbolValues[index] : 0;
}

std::int64_t Executor::Impl::canonicalBytes(const abi::MomentStorage &moment) const {
  std::int64_t bytes = sizeOf(moment.dtype());
  for (std::int64_t dimension : shapeOf(moment).subspan(moment.compact() ? 1 : 0))
    bytes *= dimension;
  return moment.compact() ? bytes * touchedRows() : bytes;
}

/// Whether a moment lies in memory as its canonical bytes do.
static bool isPlain(const abi::MomentStorage &moment) {
  return moment.layout()->kind() == abi::LayoutKind::RowMajor;
}

std::int64_t Executor::momentBytes(std::uint32_t moment) const {
  return impl->canonicalBytes(*impl->variant->moments()->Get(moment));
}

std::vector<std::int64_t> Executor::momentShape(std::uint32_t moment) const {
  const abi::MomentStorage &entry = *impl->variant->moments()->Get(moment);
  std::vector<std::int64_t> shape(entry.shape()->begin(), entry.shape()->end());
  if (entry.compact())
    shape[0] = impl->touchedRows();
  return shape;
}

std::int64_t Executor::unusedBytes() const {
  std::int64_t bytes = 0;
  if (!impl->device->properties().hostVisible)
    return bytes; // its memory is taken whole
  for (std::uint32_t i = 0; i < count(impl->variant->moments()); ++i) {
    const abi::MomentStorage &moment = *impl->variant->moments()->Get(i);
    if (!moment.compact())
      continue;
    std::int64_t width = moment.shape()->Get(1) * sizeOf(moment.dtype());
    auto unused = [&](std::int64_t begin, std::int64_t written) {
      return bytesNeverWritten(begin, std::max(impl->touchedRows() * width, written - begin),
                               begin + moment.shape()->Get(0) * width);
    };
    bytes += impl->hasMoments ? unused(moment.offset(), 0) : 0;
    if (!impl->hasGrads || moment.index() != 0) // one gradient a parameter
      continue;
    std::int64_t offset = 4 * impl->variant->storage()->Get(moment.parameter())->offset();
    bytes += impl->gradientPlace == GradientPlace::Apart
                 ? unused(offset, 0)
                 : unused(impl->variant->overlaid_compact_at() + offset, impl->ownArena);
  }
  return bytes;
}

Result<std::byte *> Executor::Impl::locateMoment(std::uint32_t moment) {
  if (!hasMoments || moment >= count(variant->moments()))
    return Status::error("moment " + std::to_string(moment) + " of " +
                         std::to_string(hasMoments ? count(variant->moments()) : 0) +
                         " that are held");
  return moments.address + variant->moments()->Get(moment)->offset();
}

static Status checkRange(const abi::MomentStorage &moment, std::int64_t canonicalBytes,
                         std::uint64_t first, std::uint64_t bytes) {
  auto all = static_cast<std::uint64_t>(canonicalBytes);
  auto width = static_cast<std::uint64_t>(sizeOf(moment.dtype()));
  if (first <= all && bytes <= all - first && first % width == 0 && bytes % width == 0)
    return Status::ok();
  return Status::error("a moment has " + std::to_string(all) + " bytes in elements of " +
                       std::to_string(width) + ", got a range from " + std::to_string(first) +
                       " of " + std::to_string(bytes));
}

Status Executor::loadMoment(std::uint32_t moment, std::span<const std::byte> bytes) {
  FTC_ASSIGN_OR_RETURN(std::byte * address, impl->locateMoment(moment));
  const abi::MomentStorage &entry = *impl->variant->moments()->Get(moment);
  std::int64_t expected = impl->canonicalBytes(entry);
  FTC_RETURN_IF_ERROR(checkRange(entry, expected, 0, bytes.size()));
  if (bytes.size() != static_cast<std::uint64_t>(expected))
    return Status::error("a moment has " + std::to_string(expected) +
                         " bytes, got " + std::to_string(bytes.size()));
  Device &device = *impl->device;
  if (isPlain(entry)) {
    FTC_RETURN_IF_ERROR(device.upload(address, bytes.data(), bytes.size()));
    return device.synchronize();
  }
  std::vector<float> held, canonical(bytes.size() / sizeof(float));
  std::memcpy(canonical.data(), bytes.data(), bytes.size());
  FTC_ASSIGN_OR_RETURN(std::span<float> packed,
                       hostStorage(device, address, entry.elements(), held, false));
  packParameter(shapeOf(entry), *entry.layout(), canonical, packed);
  if (device.properties().hostVisible)
    return Status::ok();
  FTC_RETURN_IF_ERROR(device.upload(address, held.data(), entry.elements() * 4));
  return device.synchronize();
}

Status Executor::storeMomentRange(std::uint32_t moment, std::uint64_t firstByte,
                                  std::span<std::byte> bytes) {
  FTC_ASSIGN_OR_RETURN(std::byte * address, impl->locateMoment(moment));
  const abi::MomentStorage &entry = *impl->variant->moments()->Get(moment);
  FTC_RETURN_IF_ERROR(
      checkRange(entry, impl->canonicalBytes(entry), firstByte, bytes.size()));
  Device &device = *impl->device;
  if (isPlain(entry)) {
    FTC_RETURN_IF_ERROR(device.download(bytes.data(), address + firstByte, bytes.size()));
    return device.synchronize();
  }
  std::vector<float> held, canonical(bytes.size() / sizeof(float));
  FTC_ASSIGN_OR_RETURN(std::span<float> packed,
                       hostStorage(device, address, entry.elements(), held, true));
  unpackParameter(shapeOf(entry), *entry.layout(), packed, canonical,
                  static_cast<std::int64_t>(firstByte / sizeof(float)));
  std::memcpy(bytes.data(), canonical.data(), bytes.size());
  return Status::ok();
}

} // namespace ftc::rt
